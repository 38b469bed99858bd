// Proves a candidate: the tree goes to the agent, the layers are made, the checks run, and the release is started beside
// them (pre-started), all at once. Ends with a verdict, or with none when the machinery failed. A tree that has passed
// before is built and started, and not checked again.
import { type Build, planBuild } from '../build/build.ts';
import type { GitTree } from '../build/git-tree.ts';
import { isFailure } from '../domain/errors.ts';
import { type CheckResult, fold, type Verdict } from '../domain/gate.ts';
import { gateOf } from '../domain/gate-settings.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { ImageId } from '../domain/ids.ts';
import type { ImageArtifact } from '../domain/release.ts';
import type { GateFacts } from '../gate/check.ts';
import { configuredChecks } from '../gate/configured.ts';
import { fixHint } from '../gate/fixers.ts';
import { runGate } from '../gate/gate.ts';
import { checkLines, safe, summaryLines } from '../gate/messages.ts';
import { partsOf } from '../gate/part.ts';
import { dockerfileResult } from '../gate/policy/dockerfile.ts';
import { currentConfig } from '../store/app-config.ts';
import { becomeImage, bootRelease, openCandidate } from './candidate.ts';
import { gateFacts } from './check-job.ts';
import { checkRunner } from './check-runner.ts';
import { checksAmong } from './checks-among.ts';
import { earlierRuns, rememberGate } from './gate-history.ts';
import { gather } from './materials.ts';
import { checksOfMain, isOfWhatRan, type MemoKeys, memoKeys, recall, remember, withToday } from './memo.ts';
import { addressOf, withoutRelease } from './needs-release.ts';
import type { Override, Proof, ProveRequest } from './proof.ts';
import type { Looked } from './quality.ts';
import { readCandidate } from './reading.ts';
import { failedCheck, passedCheck, skippedCheck } from './results.ts';
import { standingOf } from './standing.ts';
import { stillHolds } from './still-holds.ts';
import { nowMs, refOf, type World } from './world.ts';

export async function proveCandidate(world: World, request: ProveRequest): Promise<Proof> {
  const { app, repository, say, moment, signal } = request;
  const reading = request.reading ?? readCandidate(world, repository, request.baseTree, request.tree, signal);
  const refusedBy = (result: CheckResult): Proof => {
    for (const line of checkLines(result)) say(line);
    return unstarted(fold([result]), [result], false);
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
  if (standing.weakening?.outcome === 'failed' && !request.override) return refusedBy(standing.weakening);
  const keys = memoKeys(app, request, hello, currentConfig(world.database, app.id).version, standing);
  const recalled = recall(world, request, keys);
  const refuse = (by: Verdict): Proof => {
    for (const result of by.checks) for (const line of checkLines(result)) say(line);
    say('this tree was checked before; git push -o recheck runs the checks again');
    return unstarted(by, by.checks, true);
  };
  if (recalled.refused && !isOfWhatRan(recalled.refused)) return refuse(recalled.refused);

  let build: Build;
  try {
    build = await planBuild({
      ...{ app: refOf(app), tree, hello, parts: partsOf(tree.entries.map(({ path }) => path)), names: [app.name] },
      engine: () => world.agent.engine(),
      isOnlyChecked: request.change === null,
    });
  } catch (error) {
    return unbuildable(error);
  }
  const { plan } = build.artifact;
  say(`${plan.detector}: ${plan.why}`);
  for (const note of build.notes) say(`note: ${note}`);
  const ofDockerfile = dockerfileResult(plan.findings ?? [], gateOf(plan).rules, nowMs());
  if (ofDockerfile?.outcome === 'failed' && !request.override) return refusedBy(ofDockerfile);
  moment('planned');
  const asked = { app, build, say, signal, left: request.left, isToServe: request.change !== null };
  const { known, refused, image } = await stillHolds(world, asked, recalled);
  if (refused) return refuse(refused);
  if (known && request.change === null) return unstarted(known, known.checks, true);
  const ahead = [standing.weakening, ofDockerfile].filter((one) => one !== null);
  return checkAndStart(world, request, { hello, tree, diff, build, image, known, keys, ahead });
}

const unstarted = (verdict: Verdict | null, results: readonly CheckResult[], isMemoised: boolean): Proof => ({
  ...{ verdict, results, isMemoised },
  ...{ candidate: null, isBooted: false },
});

type Planned = {
  hello: AgentHello;
  tree: GitTree;
  /** null at the first push */
  diff: string | null;
  build: Build;
  /** Begun already, to see whether it is the one that was checked; null: not yet. */
  image: Promise<ImageArtifact | null> | null;
  /** It has passed before. */
  known: Verdict | null;
  keys: MemoKeys;
  /** What is known before anything runs: what it takes from main's gate, and what its Dockerfile has. */
  ahead: readonly CheckResult[];
};

/** The checks run, and beside them the tree is built and what serves is started. */
async function checkAndStart(world: World, request: ProveRequest, planned: Planned): Promise<Proof> {
  const { app, change, say, moment, signal } = request;
  const { tree, diff, build, known, keys } = planned;
  const overridden = request.override ? overrideCheck(request.override) : null;
  const work = new AbortController();
  const together = AbortSignal.any([signal, work.signal]);
  const materials = gather(world, {
    ...{ app, tree, build, say, signal: together },
    ...{ isChecked: !known && !overridden, isKnown: known !== null, placed: () => moment('placed') },
    ...{ image: planned.image, left: request.left },
  });
  const { copy, sent } = materials;
  const candidate = change && openCandidate(world, { ...request, change }, build.artifact);
  if (candidate) request.onCandidate(candidate);
  const gate = gateOf(build.artifact.plan);
  // What asks the candidate's own instance cannot be asked before there is one: a pass without it is none yet.
  const among = change ? gate : withoutRelease(gate);
  const isPreStarted =
    build.artifact.plan.releaseCommand === null &&
    !['late', 'off'].includes(gate.prestart) &&
    candidate !== null &&
    request.isBoot !== false;
  const booted = Promise.withResolvers<CheckResult>();

  /** What was checked, and would serve. */
  let served: ImageId | null = null;
  const servable = async (): Promise<void> => {
    const image = await materials.whenServable();
    served = image?.id ?? null;
    if (image && candidate && !candidate.runnable.artifact.image) becomeImage(candidate, image);
  };
  const builds = async (): Promise<CheckResult> => {
    const startedAtMs = nowMs();
    try {
      await servable();
      return passedCheck('build', startedAtMs, build.artifact.plan.detector);
    } catch (error) {
      work.abort();
      return failedCheck('build', error, startedAtMs);
    }
  };
  const startsUp = async (stop: AbortSignal): Promise<CheckResult> => {
    const startedAtMs = nowMs();
    try {
      await servable();
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
  const policyToday = (overridden ? [overridden] : planned.ahead).map((said) => async () => said);
  const earlier = earlierRuns(world, app);
  const main = request.baseTree && !known ? checksOfMain(world, app, request.baseTree, keys) : null;

  try {
    const facts = await gateFacts(tree, diff, build);
    const checks = known || overridden ? [] : checksAmong(configuredChecks(among), request.only);
    const end = await runGate({
      facts,
      policy: {
        hasEverRunTests: app.hasEverRunTests,
        main,
        rules: gate.rules,
      },
      checks,
      limitMs: gate.timeoutMs,
      earlier,
      runJob: checkRunner(world, {
        ...{ app, build, tree, hello: planned.hello, materials, facts, checks, say, moment },
        ...{ signal: together, main: request.isRecheck ? null : main, onReports: request.onReports },
        addressOf: (stop) => addressOf(world, candidate!, booted.promise, stop),
      }),
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
    const judged = known && end.verdict?.outcome === 'passed' ? withToday(known, end.results) : end.verdict;
    const verdict = judged && served ? { ...judged, image: served } : judged;
    const isWhole = among === gate || verdict?.outcome === 'rejected';
    if (verdict && isWhole && !known && !request.only && !overridden) remember(world, app, request.tree, keys, verdict);
    return {
      ...{ verdict, results: end.results, isMemoised: known !== null, candidate },
      isBooted: isPreStarted && !request.only,
      looked: known ? null : lookedAt(facts),
    };
  } finally {
    work.abort();
    const drop = async (): Promise<void> => (copy ? world.agent.dropCopy(refOf(app), copy) : undefined);
    request.afterwards(() => void sent.then(drop, drop).catch(() => {}));
    request.afterwards(() => world.ahead.again(app.id, (name) => earlier(name)[0] ?? 0));
  }
}

/** Every file, and those of which lines changed (null: all of them). */
function lookedAt({ paths, changed }: GateFacts): Looked {
  const theirs = changed && new Set([...changed].flatMap(([path, lines]) => (lines.size > 0 ? path : [])));
  return { paths: new Set(paths), changed: theirs };
}

/** Stands where the checks would: in the verdict, and with it in the receipt. */
function overrideCheck({ reason, by }: Override): CheckResult {
  const summary = `the checks were not run: ${safe(by, 100)} let it past them (${safe(reason)})`;
  return { ...passedCheck('policy', nowMs(), summary), name: 'override' };
}
