// What lies on this machine for nothing: records and pipes of instances that there are not, folders of theirs, gate copies
// that no job stands on. Found by looking at the disk and asking who knows the name; removed only when a new look still
// finds it, so a name that comes from outside can remove nothing that is in use.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DesiredState } from '../../domain/desired.ts';
import { type AppId, type InstanceId, parseId, type TreeId } from '../../domain/ids.ts';
import type { LeftOver } from '../../domain/survey.ts';
import type { HomeFolders } from '../folders.ts';
import { removeTree } from '../remove-tree.ts';
import type { DockerRuntime } from '../runtimes/docker/docker-runtime.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { RecordFiles } from '../supervise/instance-record.ts';
import { straysOf } from './processes.ts';

export type LeftOverParts = {
  folders: HomeFolders;
  runtime: Pick<Runtime, 'sweep' | 'clean'>;
  containers: Pick<DockerRuntime, 'sweep' | 'clean' | 'found' | 'removeApp' | 'lookAtFilter'>;
  desired(): DesiredState | null;
  records: Pick<RecordFiles, 'remove'>;
  /** Ids of the instances that there are. */
  instances(): ReadonlySet<InstanceId>;
  /** Copies that jobs of the app stand on. */
  copiesInUse(appId: AppId): readonly string[];
};

export async function findLeftOvers(parts: LeftOverParts): Promise<LeftOver[]> {
  const { folders } = parts;
  const known = parts.instances();
  const shortNames = new Set([...known].map((id) => id.slice(-12)));
  const found: LeftOver[] = [];
  const add = (kind: LeftOver['kind'], appId: AppId | null, name: string) => found.push({ kind, appId, name });
  for (const [kind, folder] of [
    ['record', folders.instanceRecords],
    ['pipe', folders.pipes],
    ['pipe', folders.keptOutput],
  ] as const) {
    for (const name of await namesIn(folder)) {
      const id = parseId('ins', name.replace(/\.json$/, ''));
      if (id !== null && !known.has(id)) add(kind, null, id);
    }
  }
  for (const appId of await appsOnDisk(folders)) {
    for (const name of await namesIn(join(folders.app(appId), 'instances')))
      if (!shortNames.has(name)) add('folder', appId, `instances/${name}`);
    for (const name of await leftCopies(parts, appId)) add('copy', appId, name);
    for (const name of await namesIn(dirname(folders.tree(appId, 'x' as TreeId))))
      if (name.includes('.partial-') || name.includes('.aside-')) add('folder', appId, `trees/${name}`);
  }
  const inEngine = await parts.containers.found();
  for (const { instance } of inEngine?.containers ?? [])
    if (!known.has(instance as InstanceId)) add('container', null, instance);
  const apps = new Set<string>((parts.desired()?.apps ?? []).map(({ id }) => id));
  for (const app of inEngine?.networks ?? []) if (!apps.has(app)) add('network', null, app);
  for (const { instanceId } of straysOf(folders.home, known)) add('process', null, instanceId);
  return unique(found);
}

/** Gate copies of an app that no job stands on. */
export async function leftCopies(
  { folders, copiesInUse }: Pick<LeftOverParts, 'folders' | 'copiesInUse'>,
  appId: AppId,
): Promise<string[]> {
  const names = await namesIn(dirname(folders.copy(appId, 'x')));
  const inUse = new Set(copiesInUse(appId));
  return names.filter((name) => !inUse.has(name));
}

/** Those of `wanted` that are left over still; what was removed. */
export async function removeLeftOvers(parts: LeftOverParts, wanted: readonly LeftOver[]): Promise<LeftOver[]> {
  const { folders } = parts;
  const names = new Set(wanted.map((one) => JSON.stringify([one.kind, one.appId, one.name])));
  const removed: LeftOver[] = [];
  for (const one of await findLeftOvers(parts)) {
    if (!names.has(JSON.stringify([one.kind, one.appId, one.name]))) continue;
    if (one.kind === 'network') await parts.containers.removeApp(one.name as AppId);
    else if (one.kind === 'container')
      await removeTraces({ ...parts, runtime: parts.containers }, one.name as InstanceId);
    else if (one.appId === null) await removeTraces(parts, one.name as InstanceId);
    else if (one.kind === 'copy') await removeTree(folders.copy(one.appId, one.name));
    else await removeTree(join(folders.app(one.appId), one.name));
    removed.push(one);
  }
  return removed;
}

/** Processes first, the record last: what is known only by its record stays known until nothing of it runs. */
async function removeTraces({ runtime, records }: LeftOverParts, id: InstanceId): Promise<void> {
  await runtime.sweep(id);
  await runtime.clean(id);
  await records.remove(id);
}

export async function appsOnDisk(folders: HomeFolders): Promise<AppId[]> {
  return (await namesIn(folders.apps)).flatMap((name) => parseId('app', name) ?? []);
}

export const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

function unique(found: readonly LeftOver[]): LeftOver[] {
  return [...new Map(found.map((one) => [JSON.stringify([one.kind, one.appId, one.name]), one])).values()];
}
