// One layer in the making: prepare, the steps one after the other, seal, mark. Nothing of a failed one stays.
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskFailure, diskFailureSaid } from '../../domain/disk-failure.ts';
import { fail } from '../../domain/errors.ts';
import { type Digest, parseObjectId, type TreeId } from '../../domain/ids.ts';
import { type LayerEvent, type LayerSpec, layersUnder } from '../../domain/layer.ts';
import { run } from '../../exec/exec.ts';
import type { LineFeed } from '../../lib/line-feed.ts';
import { ensureAppFolders, type HomeFolders } from '../folders.ts';
import { startContained } from '../jobs/contained.ts';
import type { FifoPool } from '../jobs/fifo-pool.ts';
import { jobIdentityOf } from '../jobs/job-command.ts';
import { type JobIdentity, ownFolder, readSmall, writeSmall } from '../jobs/job-folder.ts';
import { fillEnv, fillPlaces, type Places, toolPlaces } from '../jobs/places.ts';
import { layerMarker, layerPath } from '../layer-places.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import { scrubbedEnv, systemPath } from '../process/scrubbed-env.ts';
import { removeTree } from '../remove-tree.ts';
import { linkVolumes } from '../supervise/volumes.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import { copyTree } from '../tree/place-tree.ts';
import { type LayerRecord, layerLimits, layerWork } from './layer-work.ts';
import { sealLayer } from './seal-layer.ts';

export type LayerRoom = {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups: CgroupSupport | null;
  fifos: FifoPool;
  /** What a step gets to reach the package index. */
  indexEnv(): Promise<Readonly<Record<string, string>>>;
};

export type LayerEnd = Exclude<LayerEvent, { line: string }>;

const tailLines = 100;
const graceMs = 1000;

/** The marker's content when the layer is whole, else null. */
export const readLayerMarker = (layer: string): { key: string; digest: Digest } | null =>
  existsSync(layer) ? readSmall(layerMarker(layer)) : null;

export async function makeLayer(
  spec: LayerSpec,
  room: LayerRoom,
  feed: LineFeed,
  signal: AbortSignal,
): Promise<LayerEnd> {
  const begunAt = performance.now();
  const { folders } = room;
  const layer = folders.layer(spec.appId, spec.key);
  const work = layerWork(folders, spec);
  const who = jobIdentityOf(spec, 'gate');
  const tools = await toolPlaces(room.toolchains, spec.tools, signal);
  const interpreter = spec.interpreterId === null ? null : await room.toolchains.resolveInterpreter(spec.interpreterId);
  const indexEnv = await room.indexEnv();
  await ensureAppFolders(folders, { ...spec, id: spec.appId });

  for (const path of [work.folder, layerMarker(layer), layer]) await removeTree(path);
  try {
    await prepare(work, layer, spec, who, folders);
    const places: Places = {
      ...tools,
      layer,
      inputs: work.inputs,
      cache: folders.gateCache(spec.appId),
      ...otherLayers(spec, folders),
      ...(interpreter === null ? {} : { interpreter, python: interpreter }),
    };
    for (const [index, step] of spec.steps.entries()) {
      const tail: string[] = [];
      const say = (line: string): void => {
        tail.push(line);
        if (tail.length > tailLines) tail.shift();
        feed.push(line);
      };
      const code = await runStep({ spec, step, index, work, who, places, indexEnv, room, say, signal });
      if (signal.aborted) throw fail('cancelled', 'The layer was cancelled.');
      if (code !== 0) {
        await removeTree(layer);
        const disk = diskFailureSaid(tail.join('\n'), 'The layer could not be made');
        if (disk) throw disk;
        return { failed: { exitCode: code, step: index, outputTail: tail } };
      }
    }
    if (spec.from) await linkVolumes(folders, { ...spec, id: spec.appId }, layer, spec.from.volumes);
    const digest = await sealLayer(layer, spec.gid);
    await persist(layer, { key: spec.key, digest });
    return { done: { key: spec.key, digest, wasThere: false, durationMs: Math.round(performance.now() - begunAt) } };
  } catch (error) {
    await removeTree(layer);
    throw diskFailure(error, 'The layer could not be made') ?? error;
  } finally {
    await removeTree(work.folder);
  }
}

/** The exit code of one step, null when it was killed; what else there is to say of its end is said as a line. */
async function runStep(given: {
  spec: LayerSpec;
  step: LayerSpec['steps'][number];
  index: number;
  work: ReturnType<typeof layerWork>;
  who: JobIdentity;
  places: Places;
  indexEnv: Readonly<Record<string, string>>;
  room: LayerRoom;
  say: (line: string) => void;
  signal: AbortSignal;
}): Promise<number | null> {
  const { spec, step, work, who, places, room, say } = given;
  const folder = join(work.folder, String(given.index));
  const fifo = join(folder, 'fifo');
  await mkdir(folder, { mode: 0o700 });
  await room.fifos.take(fifo, who?.uid ?? null);
  const layer = room.folders.layer(spec.appId, spec.key);
  // What a built tree has in its own `bin` is the app's source.
  const own = spec.from ? [] : [layer];
  const bins = [...own, ...(spec.needs ?? []).map((key) => room.folders.layer(spec.appId, key))].flatMap(layerPath);
  const path = [...bins, ...systemPath];
  const declared = fillEnv({ ...given.indexEnv, ...step.env, LOCKSTEP_LAYER: work.mark }, places);
  const contained = await startContained(
    {
      name: work.cgroupName,
      mark: `LOCKSTEP_LAYER=${work.mark}`,
      fifo,
      exitFile: join(folder, 'exit'),
      limits: layerLimits,
      importance: 'job',
      cgroups: room.cgroups,
    },
    {
      argv: step.argv.map((word) => fillPlaces(word, places)),
      cwd: (step.cwd ?? (spec.from ? 'layer' : 'inputs')) === 'layer' ? layer : work.inputs,
      env: scrubbedEnv(declared, { path, home: work.home, tmp: work.tmp }),
      identity: who,
    },
    { line: say, dropped: () => {} },
  );
  const { appId, key } = spec;
  try {
    writeSmall(work.record, { appId, key, process: contained.process } satisfies LayerRecord);
  } catch (error) {
    await contained.stop(0); // what nobody will find again must not run
    throw error;
  }
  const limit = AbortSignal.any([given.signal, AbortSignal.timeout(step.deadlineMs)]);
  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping = contained.stop(graceMs).catch(() => {});
  };
  limit.addEventListener('abort', stop, { once: true });
  if (limit.aborted) stop();
  const end = await contained.ended;
  limit.removeEventListener('abort', stop);
  // It looks for what bears this layer's mark, and the next attempt at the layer bears the same.
  await stopping;
  if (limit.aborted && !given.signal.aborted)
    say(`lockstep: the step took longer than ${Math.round(step.deadlineMs / 1000)} s`);
  if (end.isOutOfMemory) say(`lockstep: the step ran out of memory (${layerLimits.memoryBytes / 1024 ** 2} MB)`);
  return end.code;
}

/** `{layer:KEY}` -> the folder of another layer of the same app, when that is whole. @throws not-found for one it needs */
function otherLayers(spec: LayerSpec, folders: HomeFolders): Record<string, string> {
  const isWhole = (key: string) => readLayerMarker(folders.layer(spec.appId, key)) !== null;
  if (!(spec.needs ?? []).every(isWhole))
    throw fail('not-found', 'A layer that this one stands on is not on this machine.', { advice: 'Make it first.' });
  return Object.fromEntries(
    layersUnder(spec)
      .filter(isWhole)
      .map((key) => [`layer:${key}`, folders.layer(spec.appId, key)]),
  );
}

async function prepare(
  work: ReturnType<typeof layerWork>,
  layer: string,
  spec: LayerSpec,
  who: JobIdentity,
  folders: HomeFolders,
): Promise<void> {
  const { folder, inputs } = work;
  await mkdir(folder, { mode: 0o710 });
  await chmod(dirname(folder), 0o711);
  writeSmall(work.record, { appId: spec.appId, key: spec.key, process: null } satisfies LayerRecord);
  await mkdir(inputs, { mode: 0o700 });
  for (const [path, content] of Object.entries(spec.files)) {
    const parts = path.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..') || path.includes('\0'))
      throw fail('bad-request', `${JSON.stringify(path)} cannot name an input of a layer.`);
    await mkdir(join(inputs, ...parts.slice(0, -1)), { recursive: true, mode: 0o700 });
    await writeFile(join(inputs, ...parts), Buffer.from(content, 'base64'), { mode: 0o600, flag: 'wx' });
  }
  if (who !== null) {
    await chown(folder, 0, who.gid);
    for (const name of await readdir(inputs, { recursive: true })) await chown(join(inputs, name), who.uid, who.gid);
    await chown(inputs, who.uid, who.gid);
  }
  for (const path of [work.home, work.tmp]) ownFolder(path, who);
  if (spec.from) await copyOfTree(spec, spec.from.treeId, layer, folders);
  else ownFolder(layer, who);
}

/** @throws not-found */
async function copyOfTree(spec: LayerSpec, treeId: TreeId, layer: string, folders: HomeFolders): Promise<void> {
  if (parseObjectId(treeId) === null) throw fail('bad-request', 'That is not the id of a tree.');
  await copyTree(folders.tree(spec.appId, treeId), layer, spec.gateUid, spec.gid).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw fail('not-found', `The tree ${treeId} is not on this machine.`, { advice: 'Send it first.' });
  });
}

/** The marker comes when everything else is on the disk. */
async function persist(layer: string, marker: { key: string; digest: Digest }): Promise<void> {
  await run(['/bin/sync', '-f', '--', layer], { env: {}, timeoutMs: 120_000 });
  const file = layerMarker(layer);
  await writeFile(`${file}.partial`, JSON.stringify(marker), { mode: 0o600, flush: true });
  await rename(`${file}.partial`, file);
}
