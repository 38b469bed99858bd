// Proves a candidate: the tree goes to the agent, the layers are made, the checks run, and the release is started beside
// them (pre-started), all at once. Ends with a verdict, or with none when the machinery failed. A tree that has passed
// before is built and started, and not checked again.
import { type Build, makeLayer, planBuild } from '../build/build.ts';
import { type GitTree, openGitTree } from '../build/git-tree.ts';
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { LayerSpec } from '../domain/desired.ts';
import { fail, isFailure } from '../domain/errors.ts';
import { type CheckResult, fold, type Verdict } from '../domain/gate.ts';
import { type GateSettings, gateOf } from '../domain/gate-settings.ts';
import type { CommitId, TreeId } from '../domain/ids.ts';
import type { Check, GateFacts } from '../gate/check.ts';
import { configuredChecks } from '../gate/configured.ts';
import { fixHint } from '../gate/fixers.ts';
import { runGate } from '../gate/gate.ts';
import { checkLines, safe, summaryLines } from '../gate/messages.ts';
import { partsOf } from '../gate/part.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import type { Repository } from '../git/repository.ts';
import { currentConfig } from '../store/app-config.ts';
import { hasBeenLive } from '../store/releases.ts';
import { passingVerdict, recallVerdict, refusingVerdict } from '../store/verdicts.ts';
import { bootRelease, type Candidate, openCandidate } from './candidate.ts';
import { checkLayer, gateFacts, runCheckJob } from './check-job.ts';
import { earlierRuns, rememberGate } from './gate-history.ts';
import { memoKeys, remember, withToday } from './memo.ts';
import { addressOf, withoutRelease } from './needs-release.ts';
import type { Looked } from './quality.ts';
import type { JobReports } from './reports.ts';
import { failedCheck, passedCheck, skippedCheck } from './results.ts';
import { standingOf } from './standing.ts';
import { newId, nowMs, refOf, type World } from './world.ts';

export type Proof = {
  /** null: neither passed nor rejected. */
  verdict: Verdict | null;
  results: readonly CheckResult[];
  isMemoised: boolean;
  /** The release that was started; null when it did not come so far. */
  candidate: Candidate | null;
  /** Its instances have been started: the boot check is among the results. */
  isBooted: boolean;
  /** What the checks have looked at; left out: nothing. */
  looked?: Looked | null;
};

export type Override = { reason: string; by: string };

export type ProveRequest = {
  app: App;
  /** null: the checks alone are asked, and nothing is started. */
  change: Change | null;
  repository: Repository;
  tree: TreeId;
  /** main's tree; null at the first push. */
  baseTree: TreeId | null;
  /** null: the config that is current. */
  configVersion: number | null;
  description: string;
  /** What is being read of the candidate already; null: nothing. */
  reading: Reading | null;
  /** The pusher wants the checks to run although the tree is known. */
  isRecheck: boolean;
  /** Left out: every check, build and boot; else only the checks of these names or kinds, and nothing is remembered. */
  only?: readonly string[];
  /** Left out: the release is started, and its boot is a check. */
  isBoot?: false;
  /** What was refused of this very tree, against whatever main, refuses it again. */
  isInferred?: boolean;
  /** Who lets it past the checks, and why; left out: it is held to them. It is built and started all the same. */
  override?: Override | null;
  /** Who wants a gate weaker than main's, if anybody does. */
  weaken: WeakenAsked;
  /** Told what the repository says of its gate, as soon as it is known. */
  onGate(gate: GateSettings): void;
  say(line: string): void;
  moment(name: string, atMs?: number): void;
  /** Told of what each job of the gate reported. */
  onReports?(reports: JobReports): void;
  /** Told of the release before it is started: whatever happens then, its end is the caller's. */
  onCandidate(candidate: Candidate): void;
  /** Does the work when the change has ended: what is only tidied up must not stand in the way of the landing. */
  afterwards(work: () => void): void;
  signal: AbortSignal;
};

/** A candidate's files, and its differences from main (null at the first push). */
export type Reading = { tree: Promise<Omit<GitTree, 'id'>>; diff: Promise<string | null> };

/** Begins to read; commits do as well as trees. */
export function readCandidate(
  world: World,
  repository: Repository,
  base: CommitId | TreeId | null,
  candidate: CommitId | TreeId,
  signal: AbortSignal,
): Reading {
  const { git } = repository;
  const inVain = new AbortController();
  const untilThen = AbortSignal.any([signal, inVain.signal]);
  const reading = {
    tree: openGitTree(git, world.blobs, candidate, signal),
    diff: base === null ? Promise.resolve(null) : git.diff(base, candidate, untilThen),
  };
  // A tree that is too large to be read is not compared either.
  reading.tree.catch(() => inVain.abort(new Error('the tree could not be read')));
  // Whoever needs them hears of a failure; a push that is refused before never asks.
  for (const promise of [reading.tree, reading.diff]) promise.catch(() => {});
  return reading;
}

export async function proveCandidate(world: World, request: ProveRequest): Promise<Proof> {
  const { app, repository, say, moment, signal } = request;
  const reading = request.reading ?? readCandidate(world, repository, request.baseTree, request.tree, signal);
  const refusedBy = (result: CheckResult): Proof => {
    for (const line of checkLines(result)) say(line);
    return { verdict: fold([result]), results: [result], isMemoised: false, candidate: null, isBooted: false };
  };
  const unbuildable = (error: unknown): Proof => refusedBy(failedCheck('build', error, nowMs()));
  const answers = await Promise.all([world.hello(), reading.tree, reading.diff]).catch((error: unknown) => {
    if (isFailure(error, 'too-large')) return unbuildable(error);
    throw error;
  });
  if (!Array.isArray(answers)) return answers;
  const [hello, read, diff] = answers;
  const tree: GitTree = { ...read, id: request.tree };
  moment('treeRead');
  const standing = await standingOf(world.blobs, {
    ...{ git: repository.git, tree, baseTree: request.baseTree, diff, weaken: request.weaken, signal },
    isRollback: request.change?.how === 'rollback',
  });
  request.onGate(standing.candidate);
  // Before anything is remembered: what passed once may be weaker than what main has come to.
  const overridden = request.override ? overrideCheck(request.override) : null;
  if (standing.weakening?.outcome === 'failed' && !overridden) return refusedBy(standing.weakening);
  const keys = memoKeys(app, request, hello, currentConfig(world.database, app.id).version, standing);
  // What was live may be again, whatever the app has come to since; what never was is held to what holds now.
  const passed = (id: TreeId): Verdict | null => {
    const policies = hasBeenLive(world.database, app.id, id) ? keys.policies : [keys.policy];
    return passingVerdict(world.database, app.id, id, policies);
  };
  const passedOnMain = (id: TreeId): Verdict | null => passingVerdict(world.database, app.id, id, keys.mainPolicies);
  const asksAgain = request.isRecheck || request.only !== undefined || overridden !== null;
  const known = asksAgain ? null : passed(request.tree);
  const recalled = known || asksAgain ? null : recallVerdict(world.database, app.id, keys.exact);
  const refused =
    recalled ?? (request.isInferred ? refusingVerdict(world.database, app.id, tree.id, keys.policy) : null);
  if (refused?.outcome === 'rejected') {
    for (const result of refused.checks) for (const line of checkLines(result)) say(line);
    say('this tree was checked before; git push -o recheck runs the checks again');
    return { verdict: refused, results: refused.checks, isMemoised: true, candidate: null, isBooted: false };
  }

  if (known && request.change === null)
    return { verdict: known, results: known.checks, isMemoised: true, candidate: null, isBooted: false };

  let build: Build;
  try {
    build = await planBuild({ app: refOf(app), tree, hello, parts: partsOf(tree.entries.map(({ path }) => path)) });
  } catch (error) {
    return unbuildable(error);
  }
  say(`${build.artifact.plan.detector}: ${build.artifact.plan.why}`);
  for (const note of build.notes) say(`note: ${note}`);
  moment('planned');

  const work = new AbortController();
  const together = AbortSignal.any([signal, work.signal]);
  const copy = known || overridden ? null : newId('job').toLowerCase();
  const sent = sendTree(world, app, tree, copy).then(() => moment('placed'));
  const runLayer = layerOf(world, build.layers.run, say, together);
  const gateLayer = known ? Promise.resolve() : runLayer.then(() => layerOf(world, build.layers.gate, say, together));
  /** Made when the first check of the part asks for it. */
  const partLayers = new Map<LayerSpec, Promise<void>>();
  const partLayer = (spec: LayerSpec): Promise<void> => {
    const making = partLayers.get(spec) ?? runLayer.then(() => layerOf(world, spec, say, together));
    partLayers.set(spec, making);
    making.catch(() => {});
    return making;
  };
  const built = builtTree();
  for (const promise of [sent, runLayer, gateLayer, built]) promise.catch(() => {});
  /** What the tree becomes before it is served: when it is there, and the layers that it stands on. */
  async function builtTree(): Promise<void> {
    const { layers, builtNeeds } = build;
    if (layers.built === null) return;
    const needsGate = builtNeeds.includes('gate');
    await Promise.all([
      sent,
      runLayer,
      needsGate && known ? runLayer.then(() => layerOf(world, layers.gate, say, together)) : null,
    ]);
    if (needsGate) await gateLayer;
    await layerOf(world, layers.built, say, together);
  }
  const { change } = request;
  const candidate = change && openCandidate(world, { ...request, change }, build.artifact);
  if (candidate) request.onCandidate(candidate);
  const gate = gateOf(build.artifact.plan);
  const isBoot = candidate !== null && request.isBoot !== false;
  // What asks the candidate's own instance cannot be asked before there is one: a pass without it is none yet.
  const among = change ? gate : withoutRelease(gate);
  const isPreStarted =
    build.artifact.plan.releaseCommand === null && !['late', 'off'].includes(gate.prestart) && isBoot;
  const booted = Promise.withResolvers<CheckResult>();

  const builds = async (): Promise<CheckResult> => {
    const startedAtMs = nowMs();
    try {
      await Promise.all([sent, runLayer, built]);
      return passedCheck('build', startedAtMs, build.artifact.plan.detector);
    } catch (error) {
      work.abort();
      return failedCheck('build', error, startedAtMs);
    }
  };
  const startsUp = async (stop: AbortSignal): Promise<CheckResult> => {
    const startedAtMs = nowMs();
    try {
      await Promise.all([sent, runLayer, built]);
    } catch {
      return skippedCheck('boot', startedAtMs);
    }
    return bootRelease(world, candidate!, AbortSignal.any([stop, together]));
  };
  const boots = async (stop: AbortSignal): Promise<CheckResult> => {
    const result = await startsUp(stop);
    booted.resolve(result);
    return result;
  };
  const said = overridden ?? standing.weakening;
  const policyToday = said ? [async () => said] : [];

  try {
    const facts = await gateFacts(tree, diff, build);
    const end = await runGate({
      facts,
      policy: {
        hasEverRunTests: app.hasEverRunTests,
        main: request.baseTree && !known ? (passedOnMain(request.baseTree)?.checks ?? null) : null,
        rules: gate.rules,
      },
      checks: known || overridden ? [] : checksAmong(configuredChecks(among), request.only),
      limitMs: gate.timeoutMs,
      earlier: earlierRuns(world, app),
      runJob: async (plan, check, stop) => {
        // When these fail the build says why; the checks have nothing to look at, which is no fault of the machinery.
        const unbuilt = (cause: unknown): never => {
          throw fail('cancelled', 'the build failed', { cause });
        };
        if (plan.layer === 'gate') await runLayer.catch(unbuilt);
        const layer = checkLayer(plan, build);
        if (layer !== null) await (layer === build.layers.gate ? gateLayer : partLayer(layer));
        const env = plan.needsRelease ? { GATE_URL: await addressOf(world, candidate!, booted.promise, stop) } : {};
        // The job goes out beside its tree: the agent launches it as soon as its copy is whole.
        const running = runCheckJob(
          world,
          app,
          { ...plan, env: { ...plan.env, ...env } },
          copy!,
          build,
          AbortSignal.any([stop, together]),
        );
        const job = await running.catch(async (error: unknown) => {
          await sent.catch(unbuilt);
          throw error;
        });
        moment(`${check.name}Started`, job.startedAtMs);
        request.onReports?.({ check: check.name, reports: job.reports });
        return job;
      },
      others: request.only ? policyToday : [...policyToday, builds, ...(isPreStarted ? [boots] : [])],
      onResult: (result) => {
        moment(`${result.name}Ended`);
        for (const line of checkLines(result)) say(line);
        const hint = result.kind === 'style' && result.outcome === 'failed' ? fixHint(facts) : null;
        if (hint) say(hint);
      },
      signal,
      now: nowMs,
    });
    if (!known) for (const line of summaryLines(end.results)) say(line);
    if (change) request.afterwards(() => rememberGate(world, app, change.id, end.results));
    const verdict = known && end.verdict?.outcome === 'passed' ? withToday(known, end.results) : end.verdict;
    const isWhole = among === gate || verdict?.outcome === 'rejected';
    if (verdict && isWhole && !known && !request.only && !overridden) remember(world, app, request.tree, keys, verdict);
    return {
      verdict,
      results: end.results,
      isMemoised: known !== null,
      candidate,
      isBooted: isPreStarted && !request.only,
      looked: known ? null : lookedAt(facts),
    };
  } finally {
    work.abort();
    const drop = async (): Promise<void> => (copy ? world.agent.dropCopy(refOf(app), copy) : undefined);
    request.afterwards(() => void sent.then(drop, drop).catch(() => {}));
  }
}

/** Every file, and those of which lines changed (null: all of them). */
function lookedAt({ paths, changed }: GateFacts): Looked {
  const theirs = changed && new Set([...changed].flatMap(([path, lines]) => (lines.size > 0 ? path : [])));
  return { paths: new Set(paths), changed: theirs };
}

/** Those that are called so, or are of such a kind; coverage is an answer of the tests. @throws bad-request for a name of none */
export function checksAmong(checks: readonly Check[], only: readonly string[] | undefined): readonly Check[] {
  if (!only) return checks;
  const asked = only.includes('coverage') ? [...only, 'tests'] : only;
  const isCalled = ({ kind, name }: Check, what: string): boolean => kind === what || name === what;
  const unknown = only.find((what) => what !== 'coverage' && !checks.some((check) => isCalled(check, what)));
  if (unknown !== undefined)
    throw fail('bad-request', `no check is called ${safe(unknown, 60)}`, {
      advice: `There are ${[...new Set(checks.flatMap(({ kind, name }) => [kind, name]))].sort().join(', ')}.`,
    });
  return checks.filter((check) => asked.some((what) => isCalled(check, what)));
}

/** Stands where the checks would: in the verdict, and with it in the receipt. */
function overrideCheck({ reason, by }: Override): CheckResult {
  const summary = `the checks were not run: ${safe(by, 100)} let it past them (${safe(reason)})`;
  return { ...passedCheck('policy', nowMs(), summary), name: 'override' };
}

/** A tree that is there already (a rollback, a re-push) is not sent again, unless checks need a copy of their own. */
async function sendTree(world: World, app: App, tree: GitTree, copy: string | null): Promise<void> {
  if (copy === null && (await world.agent.hasTree(refOf(app), tree.id))) return;
  await world.agent.putTree(refOf(app), tree.id, copy, tree.files());
}

async function layerOf(
  world: World,
  spec: Build['layers']['run'],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!spec) return;
  let isFirst = true;
  const made = await makeLayer(
    world.agent,
    spec,
    (line) => {
      if (isFirst) say(spec.from ? 'building' : 'installing dependencies');
      isFirst = false;
      // Where things lie on the server is not the pusher's business.
      if (line.trim() !== '' && !/^\s*(?:Using|Creating) /.test(line)) say(`  ${safe(line.trimEnd())}`);
    },
    signal,
  );
  if (!made.wasThere) say(`${spec.from ? 'built' : 'dependencies'} ok ${(made.durationMs / 1000).toFixed(1)}s`);
}
