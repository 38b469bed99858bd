// Pages that main has already. A check that makes pages (API pages of an app that has no documentation of its own) says what they
// are made from; when that is what main's are made from, main's pages are taken as they lie, and none are built. Nothing is
// remembered beside main's own verdict: what is taken is what was proved with main, and what its live release serves. Whether it is
// the same decides the job, which reads the candidate; what it may not see from there (packages, tool, other files) is in the context.
import { createHash } from 'node:crypto';
import type { GitTree } from '../build/git-tree.ts';
import type { Kept } from '../domain/collected.ts';
import type { CheckResult } from '../domain/gate.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { AppId } from '../domain/ids.ts';
import type { JobResult } from '../domain/job.ts';
import type { CheckPlan } from '../gate/check.ts';
import { madeFromOf, madeFromReport } from '../gate/reports/made-from.ts';
import type { World } from './world.ts';

export type PagesAsked = {
  appId: AppId;
  check: string;
  plan: CheckPlan;
  tree: Pick<GitTree, 'entries'>;
  /** Of the layer that it runs with; null: none. */
  layerKey: string | null;
  hello: Pick<AgentHello, 'program' | 'interpreters'>;
  /** What the checks said of main; null: it is not known, or not to be asked. */
  main: readonly CheckResult[] | null;
};

/** `given` is the file for the job; `known` what main has, when it is still kept. */
export type PagesBefore = { given: string; known: { madeFrom: string; docs: Kept } | null };

/** null: the plan has nothing that is taken over. */
export async function pagesBefore(world: Pick<World, 'shelf'>, asked: PagesAsked): Promise<PagesBefore | null> {
  const { reused } = asked.plan;
  if (reused === undefined) return null;
  const found = asked.main?.find(({ name }) => name === asked.check);
  const docs = found?.kept?.docs;
  const isThere = found?.madeFrom !== undefined && docs && (await world.shelf.renew(asked.appId, docs.digest));
  const known = isThere ? { madeFrom: found.madeFrom!, docs: { ...docs, problem: null, warnings: [] } } : null;
  const pages = known ? (found?.metrics.docsPages ?? 0) : 0;
  const given = { context: contextOf(asked), known: known?.madeFrom ?? null, pages, leftOut: reused.leftOut };
  return { given: JSON.stringify(given), known };
}

/** The job's result with main's pages in the place of those that it did not build. */
export function withPagesBefore(job: JobResult, before: PagesBefore | null): JobResult {
  const said = madeFromOf(job);
  if (!before?.known || said?.isBuilt !== false || said.digest !== before.known.madeFrom) return job;
  return { ...job, collected: { docs: before.known.docs } };
}

/** It has left no folder, and was right to. */
export const isUnbuilt = (job: JobResult): boolean => madeFromOf(job)?.isBuilt === false;

function contextOf({ plan, tree, layerKey, hello, check }: PagesAsked): string {
  const leftOut = plan.reused!.leftOut.map((one) => new RegExp(one));
  const root = plan.part?.root ?? '';
  const data = tree.entries
    .filter(({ path }) => path.startsWith(root) && !path.endsWith('.py'))
    .filter(({ path }) => !leftOut.some((one) => one.test(path.slice(root.length))))
    .map(({ path, id, mode }) => [path, id, mode]);
  const made = [plan.command, plan.env, plan.files, plan.tools, plan.folder ?? '', madeFromReport, check];
  const on = [layerKey, hello.program, hello.interpreters.map(({ id }) => id)];
  return createHash('sha256')
    .update(JSON.stringify([made, on, data]))
    .digest('hex');
}
