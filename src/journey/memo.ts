// The memo of verdicts: what one depends on, which are kept, and what a kept one says today. What ran in an image was asked of that image: under
// another one, or none, the tree is asked again.
import { createHash } from 'node:crypto';
import type { App } from '../domain/app.ts';
import { type CheckKind, type CheckResult, fold, type Verdict } from '../domain/gate.ts';
import { defaultGate, type GateSettings } from '../domain/gate-settings.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { ImageId, TreeId } from '../domain/ids.ts';
import { policyVersion } from '../gate/policy/policy.ts';
import { hasBeenLive } from '../store/releases.ts';
import { keepVerdict, passingVerdict, recallVerdict, refusingVerdict } from '../store/verdicts.ts';
import type { ProveRequest } from './proof.ts';
import { nowMs, type World } from './world.ts';

/**
 * What a verdict depends on. A first push passes as the baseline, and one without tests until main has run some: each of
 * these has a policy of its own, so that what passed easily and never landed is asked again. `exact` adds what only a
 * rejection depends on: where main was, and the config.
 */
export function memoKeys(
  app: App,
  request: { tree: TreeId; baseTree: TreeId | null },
  hello: AgentHello,
  configVersion: number,
  settings: { candidate: GateSettings; main: GateSettings },
) {
  const hash = (parts: readonly unknown[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const strictness = request.baseTree === null ? 0 : app.hasEverRunTests ? 2 : 1;
  const interpreters = hello.interpreters.map((one) => one.id);
  const policiesOf = (gate: GateSettings) =>
    [0, 1, 2].map((each) =>
      hash([policyVersion, hello.program, interpreters, each, ...(gate === defaultGate ? [] : [gate])]),
    );
  const policies = policiesOf(settings.candidate);
  const policy = policies[strictness]!;
  const facts = [app.hasEverRunTests, app.wasEverHealthy, configVersion];
  return {
    policy,
    policies,
    mainPolicies: policiesOf(settings.main),
    exact: hash([policy, request.tree, request.baseTree, facts]),
  };
}

export type MemoKeys = ReturnType<typeof memoKeys>;

/** What asks of the commit's files alone; it says the same wherever the app runs. */
const ofSources: ReadonlySet<CheckKind> = new Set(['policy', 'style', 'docstrings', 'links']);

/** Whether the verdict would be another if the app ran in another image, or in none. */
export const isOfWhatRan = ({ outcome, checks }: Verdict): boolean =>
  outcome === 'passed' ||
  !checks.some((one) => one.outcome === 'failed' && ofSources.has(one.kind) && one.ranIn === undefined);

/** Whether it is about what would serve now. @param image null: the tree runs without one */
export const isAbout = (verdict: Verdict, image: ImageId | null): boolean => (verdict.image ?? null) === image;

/** Keeps a verdict of the tree itself. */
export function remember(
  world: World,
  app: App,
  treeId: TreeId,
  keys: { policy: string; exact: string },
  verdict: Verdict,
): void {
  // What failed outside of the tree (a boot that lacked a database) may pass the next time.
  const isOfTheTree = verdict.checks.every((one) => one.outcome !== 'failed' || !['boot', 'build'].includes(one.kind));
  if (!isOfTheTree) return;
  keepVerdict(
    world.database,
    { teamId: app.teamId, appId: app.id },
    { key: keys.exact, policyKey: keys.policy, treeId, verdict, nowMs: Math.round(nowMs()) },
  );
}

/** A memo's checks stay in the record beside the build and boot of today. */
export function withToday(known: Verdict, today: readonly CheckResult[]): Verdict {
  const kept = known.checks.filter((one) => !today.some((other) => other.name === one.name));
  return fold([...kept, ...today]) ?? known;
}

/** What is known of this very question: the tree passed before, or it was refused. Neither: it has to be asked. */
export function recall(
  world: World,
  request: Pick<ProveRequest, 'app' | 'tree' | 'isRecheck' | 'only' | 'override' | 'isInferred'>,
  keys: MemoKeys,
): { known: Verdict | null; refused: Verdict | null } {
  const { app, tree } = request;
  const asksAgain = request.isRecheck || request.only !== undefined || Boolean(request.override);
  // What was live may be again, whatever the app has come to since; what never was is held to what holds now.
  const policies = hasBeenLive(world.database, app.id, tree) ? keys.policies : [keys.policy];
  const known = asksAgain ? null : passingVerdict(world.database, app.id, tree, policies);
  const recalled = known || asksAgain ? null : recallVerdict(world.database, app.id, keys.exact);
  const refused = recalled ?? (request.isInferred ? refusingVerdict(world.database, app.id, tree, keys.policy) : null);
  return { known, refused: refused?.outcome === 'rejected' ? refused : null };
}

/** What the checks said of main, when they were asked; null: nobody knows. */
export function checksOfMain(world: World, app: App, mainTree: TreeId, keys: MemoKeys): readonly CheckResult[] | null {
  return passingVerdict(world.database, app.id, mainTree, keys.mainPolicies)?.checks ?? null;
}
