// One look of the doctor at everything: each app in depth, then what belongs to no app. What is found carries what its repair
// needs. A look is one moment: whoever judges by it looks twice (`doctor.ts`), since what is being done is not yet done.
import type { App } from '../../domain/app.ts';
import { isQueued } from '../../domain/change.ts';
import type { Checked } from '../../domain/doctor.ts';
import type { AgentSurvey, DiskApp, LeftOver } from '../../domain/survey.ts';
import { megabytes } from '../../lib/megabytes.ts';
import { everyApp } from '../../store/apps.ts';
import { runningChanges } from '../../store/changes.ts';
import { checkDatabase } from '../../store/check.ts';
import { wasDestroyed } from '../../store/events.ts';
import { listRemovals } from '../../store/removals.ts';
import { nowMs, type World } from '../world.ts';
import { engineNotes } from './engine-notes.ts';
import { type Found, found } from './found.ts';
import { lookAtApp } from './look-at-app.ts';

export type Look = { found: Found[]; checked: Checked[]; notes: string[]; survey: AgentSurvey | null };

/** Apps that are looked into at once: git and the agent answer side by side. */
const atOnce = 4;
/** All apps together; what is not reached is said. */
const longestMs = 80_000;
/** A change that nobody works on any more. */
const stuckMs = 60_000;
const leastFreeBytes = 100 * 1024 * 1024;

/** @param isWhole false: only these apps, and nothing that belongs to none of them */
export async function look(world: World, apps: readonly App[], isWhole: boolean): Promise<Look> {
  const counts = new Map<string, number>();
  const seen: Look = { found: [], checked: [], notes: [], survey: null };
  const count = (what: string, by = 1): void => void counts.set(what, (counts.get(what) ?? 0) + by);
  seen.survey = await world.agent.survey().catch((error: Error) => {
    seen.found.push(found('agent-away', null, error.message));
    return null;
  });
  if (seen.survey && seen.survey.router === null)
    seen.found.push(found('router-away', null, 'The router does not answer'));
  const limit = AbortSignal.timeout(longestMs);
  const queue = apps.values();
  const worker = async (): Promise<void> => {
    for (const app of queue) {
      if (limit.aborted) return;
      seen.found.push(...(await lookAtApp(world, app, seen.survey, count)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const reached = counts.get('apps') ?? 0;
  if (reached < apps.length)
    seen.notes.push(
      `only ${reached} of ${apps.length} apps were looked into in ${longestMs / 1000} s: ask app by app with -a`,
    );
  if (isWhole) {
    seen.found.push(...lookAtStore(world, seen.notes, count));
    if (seen.survey) seen.notes.push(...seen.survey.alarms, ...engineNotes(seen.survey));
    if (seen.survey) seen.found.push(...cutOff(world, seen.survey));
    if (seen.survey) seen.found.push(...(await lookAtDisk(world, seen.survey, seen.notes, count)));
  }
  seen.checked = [...counts].map(([what, number]) => ({ what, count: number }));
  // Away is said once, not by every app.
  if (seen.survey?.router === null || seen.survey === null)
    seen.found = seen.found.filter(({ app, problem: { code } }) => app === null || !/^(agent|router)-away$/.test(code));
  return seen;
}

function cutOff(world: World, { filter }: AgentSurvey): Found[] {
  const ids = new Set(filter?.cutOff);
  const what = 'its containers reach nothing: the packet filter has lost the engine’s rule for their network';
  return everyApp(world.database).flatMap((app) => (ids.has(app.id) ? found('containers-cut-off', app, what) : []));
}

function lookAtStore(world: World, notes: string[], count: (what: string, by?: number) => void): Found[] {
  const said = checkDatabase(world.database);
  count('database');
  if (said === 'too large') notes.push('the database is too large to be checked while it is in use');
  const damaged = said === null || said === 'too large' ? [] : [found('database-damaged', null, said)];
  const apps = new Map(everyApp(world.database).map((app) => [app.id, app]));
  const running = runningChanges(world.database);
  count('changes under way', running.length);
  const stuck = running.filter(
    (change) => !isQueued(change) && nowMs() - change.createdAtMs > stuckMs && !world.lockOf(change.appId).isBusy,
  );
  return [
    ...damaged,
    ...stuck.map((change) =>
      found(
        'change-stuck',
        apps.get(change.appId) ?? null,
        `change #${change.number} is ${change.state} and nobody works on it`,
      ),
    ),
  ];
}

async function lookAtDisk(
  world: World,
  survey: AgentSurvey,
  notes: string[],
  count: (what: string, by?: number) => void,
): Promise<Found[]> {
  const apps = new Map(everyApp(world.database).map((app) => [app.id, app]));
  const leaving = new Set(listRemovals(world.database).map(({ ref }) => ref.id));
  const list: Found[] = [];
  const { freeBytes } = survey.disk;
  count('disk');
  if (freeBytes < leastFreeBytes) list.push(found('disk-low', null, `${megabytes(freeBytes)} are free`));
  for (const one of survey.apps) {
    count('app folders');
    if (!apps.has(one.id) && !leaving.has(one.id)) list.push(...orphanOf(world, one, notes));
  }
  for (const id of await world.listRepositories()) {
    if (apps.has(id) || leaving.has(id)) continue;
    list.push(
      wasDestroyed(world.database, id)
        ? found('left-over', null, `the repository of the destroyed app ${id} is still there`, { orphan: id })
        : found('unknown-repository', null, `the repository ${id} belongs to no app`),
    );
  }
  for (const leftOver of survey.leftOvers) {
    const app = leftOver.appId === null ? null : (apps.get(leftOver.appId) ?? null);
    // While a change is on its way its copies are in use; an app that is going takes everything with it.
    if (leftOver.appId !== null && (app === null || world.lockOf(leftOver.appId).isBusy)) continue;
    const code = leftOver.kind === 'process' ? 'stray-process' : 'left-over';
    list.push(found(code, app, describe(leftOver, survey), { leftOver }));
  }
  return list;
}

function orphanOf(world: World, { id, volumes, hasMore }: DiskApp, notes: string[]): Found[] {
  const isDestroyed = wasDestroyed(world.database, id);
  const list = hasMore
    ? [found('left-over', null, `files of ${id} are there, and no such app is`, { orphan: id })]
    : [];
  if (volumes.length === 0) return list;
  if (!isDestroyed)
    return [
      ...list,
      found('unknown-volumes', null, `${id} has volumes (${volumes.join(', ')}), and no such app is there`),
    ];
  notes.push(`the destroyed app ${id} left its volumes (${volumes.join(', ')}) in apps/${id}/volumes, as was asked`);
  return list;
}

function describe({ kind, name }: LeftOver, survey: AgentSurvey): string {
  if (kind === 'record') return `the record of instance ${name} is there, and the instance is not`;
  if (kind === 'pipe') return `the pipe of instance ${name} is there, and the instance is not`;
  if (kind === 'container') return `a container of instance ${name} is there, and the instance is not`;
  if (kind === 'network') return `the container network of ${name} is there, and no such app is`;
  if (kind === 'copy') return `the gate copy ${name} is there, and nothing runs in it`;
  if (kind === 'folder') return `${name} is there, and nobody uses it`;
  const pids = survey.strays.filter(({ instanceId }) => instanceId === name).map(({ pid }) => pid);
  return `pid ${pids.join(', ')} was started as part of instance ${name}, and there is no such instance`;
}
