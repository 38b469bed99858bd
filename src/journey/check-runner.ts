// Where a check of a candidate runs, and what becomes of it: in the candidate's image where that holds it, else on the machine beside its tree. What
// an image cannot hold is told to the pusher, and runs on the machine as it would without one.
import type { Build } from '../build/build.ts';
import type { GitTree } from '../build/git-tree.ts';
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { CheckResult } from '../domain/gate.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { JobResult } from '../domain/job.ts';
import { type Check, type CheckPlan, type GateFacts, lacksReport } from '../gate/check.ts';
import type { RunJob } from '../gate/gate.ts';
import { safe } from '../gate/messages.ts';
import { madeFromReport } from '../gate/reports/made-from.ts';
import { demandImage, isInImage, notInside, pinnedFor, placedInImage, whyOutside } from './check-in-image.ts';
import { checkLayer, runCheckJob } from './check-job.ts';
import { type Materials, unbuilt } from './materials.ts';
import { pagesBefore, withPagesBefore } from './pages-before.ts';
import type { ProveRequest } from './proof.ts';
import type { World } from './world.ts';

type RunnerAsked = {
  app: App;
  build: Build;
  tree: GitTree;
  hello: AgentHello;
  materials: Materials;
  facts: GateFacts;
  /** All that are asked. */
  checks: readonly Check[];
  say(line: string): void;
  moment: ProveRequest['moment'];
  onReports: ProveRequest['onReports'];
  /** Of main, from which pages may be taken over; null: from nobody. */
  main: readonly CheckResult[] | null;
  /** Of the candidate's own instance. */
  addressOf(stop: AbortSignal): Promise<string>;
  signal: AbortSignal;
};

type Named = Parameters<RunJob>[1];

export function checkRunner(world: World, asked: RunnerAsked): RunJob {
  const { build, say } = asked;
  const told = (check: Named, job: JobResult): JobResult => {
    asked.moment(`${check.name}Started`, job.startedAtMs);
    asked.onReports?.({ check: check.name, reports: job.reports });
    return job;
  };
  return async (plan, check, stop) => {
    demandImage(plan, build);
    const isInside = isInImage(plan, build);
    let outside = whyOutside(plan, build);
    if (isInside && !plan.isServerFirst) {
      const inside = await inImage(world, asked, plan, check, stop);
      if ('job' in inside) return told(check, inside.job);
      outside = inside.outside;
    }
    // Of tests that have no place the plan of the image has said so.
    if (outside !== null && (check.kind !== 'tests' || isInside))
      say(`note: ${safe(check.name, 60)} runs on the machine, not in the image: ${outside}`);
    const job = await onMachine(world, asked, plan, check, stop);
    if (!isInside || !plan.isServerFirst || job.reports[lacksReport] === undefined) return told(check, job);
    const inside = await inImage(world, asked, plan, check, stop);
    return told(check, 'job' in inside && inside.job.exitCode === 0 ? inside.job : job);
  };
}

async function inImage(
  world: World,
  { app, build, materials, facts, checks, tree, hello, signal }: RunnerAsked,
  plan: CheckPlan,
  check: Named,
  stop: AbortSignal,
): Promise<{ job: JobResult } | { outside: string }> {
  const place = await materials.inImage(plan, pinnedFor(plan, facts, checks)).catch(async (error: unknown) => {
    // Where the candidate's own image failed, the build says so.
    await materials.whenServable().catch(unbuilt);
    throw error;
  });
  if (typeof place === 'string') return outside(plan, place);
  // Pages of an image are built, and compared with none.
  const before = await pagesBefore(world, {
    ...{ appId: app.id, check: check.name, plan, tree, hello, layerKey: null, main: null },
  });
  const late = { ...plan.late, ...(before ? { [madeFromReport]: before.given } : {}) };
  const placed = placedInImage({ ...plan, late }, check.kind, build);
  const together = AbortSignal.any([stop, signal]);
  const job = await runCheckJob(world, app, { name: check.name, plan: placed }, place, build, together);
  const why = notInside(plan, job);
  return why === null ? { job: { ...job, ranIn: place.image } } : outside(plan, why);
}

/** The image cannot hold it. @throws install-failed for one that runs nowhere else */
function outside(plan: CheckPlan, why: string): { outside: string } {
  if (plan.isOnlyInImage) throw fail('install-failed', `it runs in the image only (in: image), and ${why}`);
  return { outside: why };
}

async function onMachine(
  world: World,
  { app, build, tree, hello, materials, main, addressOf, signal }: RunnerAsked,
  plan: CheckPlan,
  check: Named,
  stop: AbortSignal,
): Promise<JobResult> {
  await materials.whenCheckable(plan);
  const env = plan.needsRelease ? { GATE_URL: await addressOf(stop) } : {};
  // The job goes out beside its tree: the agent launches it as soon as its copy is whole.
  const before = await pagesBefore(world, {
    ...{ appId: app.id, check: check.name, plan, tree, hello, main },
    layerKey: checkLayer(plan, build)?.key ?? null,
  });
  const given = before ? { [madeFromReport]: before.given } : {};
  const placed = { ...plan, env: { ...plan.env, ...env }, late: { ...plan.late, ...given } };
  const together = AbortSignal.any([stop, signal]);
  const running = runCheckJob(world, app, { name: check.name, plan: placed }, materials.copy!, build, together);
  const ended = await running.catch(async (error: unknown) => {
    await materials.sent.catch(unbuilt);
    throw error;
  });
  return withPagesBefore(ended, before);
}
