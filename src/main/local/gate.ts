// The gate on a developer's own checkout: the same candidate, plan, checks and policy as the server's, by the same code, in a
// small Lockstep of its own. Main's state is measured once for each base and kept, since the ratchets compare with it. Nothing
// moves: not main, no ref, not the user's index, and what is live is not asked.
import type { App } from '../../domain/app.ts';
import type { CheckResult, Verdict } from '../../domain/gate.ts';
import { fold } from '../../domain/gate.ts';
import type { CommitId, TreeId } from '../../domain/ids.ts';
import { checkLines, infraLine, memoisedLine, safe } from '../../gate/messages.ts';
import type { Repository } from '../../git/repository.ts';
import { bootRelease, type Candidate, dropCandidate } from '../../journey/candidate.ts';
import type { Proof } from '../../journey/proof.ts';
import { proveCandidate } from '../../journey/prove.ts';
import { receiveChange } from '../../journey/receive-change.ts';
import { eventOf, nowMs, refOf, type World } from '../../journey/world.ts';
import { noteApp } from '../../store/apps.ts';
import { transition } from '../../store/transition.ts';
import { type LocalWorld, openLocalWorld } from './world.ts';

export type LocalGateRequest = {
  /** Where tools and layers are kept from one time to the next. */
  home: string;
  /** Where the container engine listens. */
  engineSocket: string;
  /** The top of the work tree, and its folder of objects. */
  top: string;
  objects: string;
  /** Makes the candidate's tree; new objects go to this folder. */
  treeInto(objects: string): Promise<TreeId>;
  base: { commit: CommitId; tree: TreeId } | null;
  head: CommitId | null;
  /** null: everything. */
  only: readonly string[] | null;
  isRecheck: boolean;
  say(line: string): void;
  signal: AbortSignal;
};

export type LocalGateEnd = {
  /** null: neither passed nor rejected. */
  verdict: Verdict | null;
  results: readonly CheckResult[];
  tree: TreeId;
  isMemoised: boolean;
  /** What does not hold on this machine, other than on a server. */
  unenforced: readonly string[];
};

export async function localGate(request: LocalGateRequest): Promise<LocalGateEnd> {
  const { say, signal } = request;
  const waiting = () => say('another lockstep gate is at work; waiting for it');
  const local = await openLocalWorld(request.home, request.engineSocket, waiting, signal);
  try {
    const { app, repository } = await local.appOf(request.top, request.objects);
    const tree = await request.treeInto(`${repository.path}/objects`);
    const measured = request.base ? await measureMain(local, app, repository, request.base, request) : app;
    const proof = await prove(local.world, measured, repository, tree, request.base?.tree ?? null, request);
    if (proof.isMemoised && proof.verdict?.outcome === 'passed') say(memoisedLine(tree));
    const { verdict } = proof;
    if (verdict === null) say(infraLine(proof.results));
    await tidy(local, app, repository, [tree, ...(request.base ? [request.base.tree] : [])], proof);
    return {
      ...{ verdict, results: verdict?.checks ?? proof.results, tree, isMemoised: proof.isMemoised },
      unenforced: local.enforcement.why,
    };
  } finally {
    await local.close();
  }
}

/** Main's own verdict, from which the ratchets are measured; asked once for each base. */
async function measureMain(
  local: LocalWorld,
  app: App,
  repository: Repository,
  base: { commit: CommitId; tree: TreeId },
  request: LocalGateRequest,
): Promise<App> {
  const { world } = local;
  const isKnown = hasVerdict(world, app, base.tree);
  if (isKnown || request.only !== null) {
    if (!isKnown) request.say('main has not been measured here: what may not get worse is not weighed with --only');
    return local.again(app);
  }
  request.say(`measuring main at ${base.commit.slice(0, 7)}, once`);
  const quiet = { ...request, head: base.commit, isRecheck: false, say: () => {} };
  const proof = await prove(world, app, repository, base.tree, null, quiet, { isBoot: false });
  const ran = proof.verdict?.checks.some(({ metrics }) => (metrics.testsRun ?? 0) > 0) ?? false;
  noteApp(world.database, app.id, { mainBranch: app.mainBranch!, ...(ran ? { hasEverRunTests: true as const } : {}) });
  if (proof.verdict === null) request.say(`main could not be measured (${safe(infraLine(proof.results))})`);
  return local.again(app);
}

function hasVerdict(world: World, app: App, tree: TreeId): boolean {
  const asked = world.database.prepare(
    "SELECT 1 FROM verdicts WHERE app_id = ? AND tree_id = ? AND outcome = 'passed'",
  );
  return asked.get(app.id, tree) !== undefined;
}

async function prove(
  world: World,
  app: App,
  repository: Repository,
  tree: TreeId,
  baseTree: TreeId | null,
  request: LocalGateRequest,
  more: { isBoot?: false } = {},
): Promise<Proof> {
  const { say, signal, only } = request;
  const head = request.head ?? (tree as unknown as CommitId);
  const change = receiveChange(world, app, {
    ...{ how: 'push', actor: 'you', head, moments: { received: nowMs() } },
    base: request.base?.commit ?? null,
  });
  let candidate: Candidate | null = null;
  const afterwards: (() => void)[] = [];
  const limit = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  try {
    const proof = await proveCandidate(world, {
      ...{ app, change, repository, tree, baseTree, configVersion: null, reading: null, weaken: 'not', say },
      ...(only ? { only } : {}),
      ...more,
      description: 'lockstep gate',
      isRecheck: request.isRecheck,
      onGate: ({ timeoutMs }) => {
        timer = setTimeout(() => limit.abort(new Error(`the gate took longer than ${timeoutMs / 1000} s`)), timeoutMs);
      },
      moment: () => {},
      onCandidate: (one) => {
        candidate = one;
      },
      afterwards: (work) => void afterwards.push(work),
      signal: AbortSignal.any([signal, limit.signal]),
    });
    return more.isBoot === false || only ? proof : await bootLate(world, proof, say, signal);
  } finally {
    if (timer) clearTimeout(timer);
    for (const work of afterwards) work();
    if (candidate) await dropCandidate(world, candidate, 'lockstep gate');
    const event = eventOf({ ...change, changeId: change.id }, 'change.cancelled', { reason: 'lockstep gate' });
    const set = { reason: 'lockstep gate', ended_at_ms: Math.round(nowMs()) };
    transition(world.database, { table: 'changes', id: change.id, from: 'received', to: 'cancelled', set, event });
  }
}

/** What starts only after the checks starts here, too; a release command runs on the server alone, beside its data. */
async function bootLate(world: World, proof: Proof, say: (line: string) => void, signal: AbortSignal): Promise<Proof> {
  const { verdict, candidate } = proof;
  if (proof.isBooted || verdict?.outcome !== 'passed' || !candidate) return proof;
  if (candidate.runnable.artifact.plan.releaseCommand) {
    say('note: the release command runs on the server alone, and the app is not started here without it');
    return proof;
  }
  const booted = await bootRelease(world, candidate, signal);
  for (const line of checkLines(booted)) say(line);
  const checks = [...verdict.checks, booted];
  return { ...proof, verdict: fold(checks), results: checks };
}

/** Keeps what the next run can use, and no more. */
async function tidy(
  { world }: LocalWorld,
  app: App,
  repository: Repository,
  treeIds: readonly TreeId[],
  { candidate }: Proof,
): Promise<void> {
  const artifact = candidate?.runnable.artifact;
  const layerKeys = [
    artifact?.layerKey,
    artifact?.gateLayerKey,
    ...Object.values(artifact?.plan.partLayers ?? {}),
  ].filter((key) => typeof key === 'string');
  const imageIds = artifact?.image ? [artifact.image.id] : [];
  if (artifact) await world.agent.collect(refOf(app), { treeIds, layerKeys, imageIds }).catch(() => {});
  await world.shelf.collect(app.id, new Set()).catch(() => {});
  await repository.git.prune('1.day.ago').catch(() => {});
}
