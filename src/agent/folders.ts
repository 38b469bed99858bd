// Where things of an app lie under the home, by id and never by name, and who owns them. Root owns what the app must not
// change (trees, layers); the gate identity owns its copies, the live identity its volumes and instance folders. The app's
// folder is closed to every other app: root:app 0710.
import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { AppRef } from '../domain/agent.ts';
import type { AppId, InstanceId, JobId, TreeId } from '../domain/ids.ts';

export type HomeFolders = ReturnType<typeof homeFolders>;

/** Every path of the agent, from the home directory alone. */
export function homeFolders(home: string) {
  const app = (id: AppId) => join(home, 'apps', id);
  return {
    home,
    /** The agent's own: desired.json, jobs/, instances/. */
    agent: join(home, 'agent'),
    desired: join(home, 'agent', 'desired.json'),
    job: (id: JobId) => join(home, 'agent', 'jobs', id),
    jobs: join(home, 'agent', 'jobs'),
    instanceRecords: join(home, 'agent', 'instances'),
    /** Output pipes of instances, by id. */
    pipes: join(home, 'agent', 'pipes'),
    /** What they said while no agent was there. */
    keptOutput: join(home, 'agent', 'pipes-kept'),
    nodeId: join(home, 'agent', 'node-id'),
    toolchains: join(home, 'toolchains'),
    logs: (id: AppId) => join(home, 'logs', id),
    apps: join(home, 'apps'),
    app,
    tree: (id: AppId, tree: TreeId) => join(app(id), 'trees', tree),
    layer: (id: AppId, key: string) => join(app(id), 'layers', key),
    /** Copies and caches of the gate identity. */
    gate: (id: AppId) => join(app(id), 'gate'),
    copy: (id: AppId, copy: string) => join(app(id), 'gate', 'copies', copy),
    gateCache: (id: AppId) => join(app(id), 'gate', 'cache'),
    volume: (id: AppId, name: string) => join(app(id), 'volumes', name),
    /** HOME and TMPDIR of one instance. Short: programs put Unix sockets there, whose paths end at 107 bytes. */
    instance: (id: AppId, instance: InstanceId) => join(app(id), 'instances', instance.slice(-12)),
    socket: join(home, 'run', 'agent.sock'),
    routerSocket: join(home, 'run', 'router.sock'),
  };
}

/** Makes the app's folders with their owners; run before anything of the app is written or started. */
export async function ensureAppFolders(folders: HomeFolders, app: AppRef): Promise<void> {
  for (const one of appFolders(folders, app)) {
    const { path, mode } = one;
    await mkdir(path, { recursive: true, mode });
    const now = await lstat(path);
    const wanted = ownerOf(one, now);
    if (now.uid !== wanted.uid || now.gid !== wanted.gid) await chown(path, wanted.uid, wanted.gid);
    if ((now.mode & 0o7777) !== mode) await chmod(path, mode);
  }
}

/** What `ensureAppFolders` would change about folders that are there, in words. */
export async function openAppFolders(folders: HomeFolders, app: AppRef): Promise<string[]> {
  const said: string[] = [];
  for (const one of appFolders(folders, app)) {
    const now = await lstat(one.path).catch(() => null);
    if (now === null) continue;
    const wanted = ownerOf(one, now);
    const [is, should] = [now, { ...wanted, mode: one.mode }].map(
      ({ mode, uid, gid }) => `${(mode & 0o7777).toString(8)} ${uid}:${gid}`,
    );
    if (is !== should) said.push(`${relative(folders.home, one.path)} is ${is} instead of ${should}`);
  }
  return said;
}

/** null: root's. */
type AppFolder = { path: string; mode: number; uid: number | null; gid: number | null };

function appFolders(folders: HomeFolders, app: AppRef): AppFolder[] {
  const root = folders.app(app.id);
  const folder = (path: string, mode: number, uid: number | null, gid: number | null) => ({ path, mode, uid, gid });
  return [
    folder(folders.apps, 0o711, null, null),
    folder(root, 0o710, null, app.gid),
    folder(join(root, 'trees'), 0o750, null, app.gid),
    folder(join(root, 'layers'), 0o750, null, app.gid),
    // Root's, so that the app cannot put a link where root is about to make a folder; each inside is 0700 of its identity.
    folder(folders.gate(app.id), 0o710, null, app.gid),
    folder(join(folders.gate(app.id), 'copies'), 0o710, null, app.gid),
    folder(folders.gateCache(app.id), 0o700, app.gateUid, app.gid),
    folder(join(root, 'volumes'), 0o710, null, app.gid),
    folder(join(root, 'instances'), 0o710, null, app.gid),
  ];
}

/** Without root nobody's ownership can be changed. */
function ownerOf({ uid, gid }: AppFolder, now: { uid: number; gid: number }): { uid: number; gid: number } {
  const isRoot = process.getuid?.() === 0;
  return { uid: isRoot ? (uid ?? 0) : now.uid, gid: isRoot ? (gid ?? 0) : now.gid };
}
