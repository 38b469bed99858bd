// A JobSpec turned into what is launched: argv, place and environment with every `{place}` filled in, for the identity
// that the spec names. Volumes exist for the live identity only.
import { existsSync } from 'node:fs';
import { chown, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import type { Identities } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import type { JobSpec } from '../../domain/job.ts';
import { volumeVariable } from '../../domain/volume-variable.ts';
import type { HomeFolders } from '../folders.ts';
import { layerMarker, layerPath } from '../layer-places.ts';
import { scrubbedEnv, systemPath } from '../process/scrubbed-env.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import type { Arrivals } from '../tree/arrivals.ts';
import type { ContainedLaunch } from './contained.ts';
import type { JobIdentity, JobPlaces } from './job-folder.ts';
import { fillCommand, fillEnv, toolPlaces } from './places.ts';

const plainName = /^[A-Za-z0-9_-]{1,100}$/;

/** null: shared (not root). @throws bad-request when root is not told whom to be */
export function jobIdentityOf(ids: Identities, which: 'live' | 'gate'): JobIdentity {
  if (process.getuid?.() !== 0) return null;
  const uid = which === 'live' ? ids.liveUid : ids.gateUid;
  if (uid === null || ids.gid === null || uid <= 0 || ids.gid <= 0)
    throw fail('bad-request', 'The app has no identity of its own.', {
      advice: 'As root, Lockstep gives each app two uids and a gid; name them in the request.',
    });
  return { uid, gid: ids.gid };
}

type Given = {
  spec: JobSpec;
  folders: HomeFolders;
  toolchains: Toolchains;
  places: JobPlaces;
  who: JobIdentity;
  signal: AbortSignal;
};

/** @throws bad-request, not-found (tree, copy or layer), bad-env, and what a tool's fetching throws */
export async function jobCommand(given: Given & { arrivals: Arrivals | null }): Promise<ContainedLaunch> {
  const { spec, folders, arrivals, signal } = given;
  return commandIn(given, () => placeOf(spec, folders, arrivals, signal));
}

/** Of a job whose tree is not known yet: the command stands in no folder, and waits for its own at the end of its words. */
export async function commandAhead(given: Given): Promise<{ base: ContainedLaunch; launched: ContainedLaunch }> {
  const { folder: _, ...spec } = given.spec;
  const base = await commandIn({ ...given, spec }, async () => '/');
  const words = fillCommand({ argv: spec.ahead ?? [] }, { begin: given.places.begin });
  return { base, launched: { ...base, argv: [...base.argv, ...words] } };
}

async function commandIn(given: Given, treeOf: () => Promise<string>): Promise<ContainedLaunch> {
  const { spec, folders, toolchains, places, who } = given;
  const tools = await toolPlaces(toolchains, spec.tools, given.signal);
  const tree = await treeOf();
  const layer = spec.layerKey === null ? null : layerOf(spec.layerKey, spec, folders);
  const python = layer === null ? await toolchains.platformPython() : join(layer, 'bin', 'python');
  const names = {
    ...tools,
    tree,
    python,
    job: places.files,
    reports: places.reports,
    ...(spec.identity === 'gate' ? { cache: folders.gateCache(spec.appId) } : {}),
    ...(layer === null ? {} : { layer }),
  };
  const volumes = spec.identity === 'live' ? await volumeEnv(spec, folders, who) : {};
  const path = [...(layer === null ? [] : layerPath(layer)), ...systemPath];
  const env = scrubbedEnv(fillEnv(spec.env, names), { path, home: places.home, tmp: places.tmp });
  return {
    argv: fillCommand(spec.command, names),
    cwd: spec.folder === undefined ? tree : join(tree, folderIn(spec.folder)),
    env: { ...env, ...volumes, LOCKSTEP_JOB: spec.id },
    identity: who,
    isNetless: spec.network === 'none',
  };
}

/** A folder of the tree as it was named; @throws bad-request for one that leads out of it */
function folderIn(folder: string): string {
  const parts = folder.split('/').filter((part) => part !== '' && part !== '.');
  if (!folder.startsWith('/') && !folder.includes('\0') && !parts.includes('..')) return parts.join('/');
  throw fail('bad-request', `${JSON.stringify(folder)} is no folder of the tree.`);
}

async function placeOf(
  spec: JobSpec,
  folders: HomeFolders,
  arrivals: Arrivals | null,
  signal: AbortSignal,
): Promise<string> {
  if ('copy' in spec.place && !plainName.test(spec.place.copy))
    throw fail('bad-request', `${JSON.stringify(spec.place.copy)} cannot name a copy.`);
  if ('image' in spec.place) throw fail('bad-request', 'A job in an image stands in no folder of the machine.');
  if ('treeId' in spec.place && !plainName.test(spec.place.treeId))
    throw fail('bad-request', 'That is not the id of a tree.');
  if ('treeId' in spec.place && spec.place.builtKey) return layerOf(spec.place.builtKey, spec, folders);
  const path =
    'copy' in spec.place ? folders.copy(spec.appId, spec.place.copy) : folders.tree(spec.appId, spec.place.treeId);
  if (existsSync(path)) return path;
  if ('copy' in spec.place && spec.place.isComing && arrivals !== null) {
    await arrivals.whenThere(path, signal);
    // A launch holds the agent for some milliseconds: who brings a layer has more to do, and goes first.
    if (spec.layerKey === null) await otherWork();
    return path;
  }
  throw fail('not-found', 'The tree of the job is not on this machine.', { advice: 'Send the tree, then the job.' });
}

function layerOf(key: string, spec: JobSpec, folders: HomeFolders): string {
  if (!plainName.test(key)) throw fail('bad-request', 'That is not the key of a layer.');
  const layer = folders.layer(spec.appId, key);
  if (existsSync(layerMarker(layer))) return layer;
  throw fail('not-found', 'The layer of the job is not on this machine.', { advice: 'Make the layer, then the job.' });
}

/** `LOCKSTEP_VOLUME_<NAME>` for each; makes the ones that are not there yet. */
async function volumeEnv(spec: JobSpec, folders: HomeFolders, who: JobIdentity): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of Object.keys(spec.volumes)) {
    if (!plainName.test(name)) throw fail('bad-request', `${JSON.stringify(name)} cannot name a volume.`);
    const path = folders.volume(spec.appId, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (who !== null && (await lstat(path)).uid === 0) await chown(path, who.uid, who.gid);
    env[volumeVariable(name)] = path;
  }
  return env;
}
