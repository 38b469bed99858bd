// HOME and TMPDIR of an instance: its own, gone with it. And who it runs as.
import { lchown, mkdir } from 'node:fs/promises';
import type { AppRef } from '../../domain/agent.ts';
import { fail } from '../../domain/errors.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { Identity } from '../../lib/identity.ts';
import { ensureAppFolders, type HomeFolders } from '../folders.ts';

/** Below are the machine's own accounts. */
const leastId = 100;

/** Makes them, with the app's own folders around them. */
export async function makeInstanceFolders(folders: HomeFolders, app: AppRef, id: InstanceId): Promise<void> {
  const identity = liveIdentityOf(app);
  await ensureAppFolders(folders, app);
  const home = folders.instance(app.id, id);
  for (const path of [home, `${home}/tmp`]) await mkdir(path, { recursive: true, mode: 0o700 });
  // The inner one first: once the outer one is the app's, root follows no path through it.
  if (identity !== null) for (const path of [`${home}/tmp`, home]) await lchown(path, identity.uid, identity.gid);
}

/** null when identities are shared (not root). @throws bad-config when root is not told whom to be: never itself */
export function liveIdentityOf(app: Pick<AppRef, 'liveUid' | 'gid'>): Identity | null {
  if (process.getuid?.() !== 0) return null;
  const gid = app.gid ?? app.liveUid;
  if (app.liveUid === null || gid === null || app.liveUid < leastId || gid < leastId)
    throw fail('bad-config', 'The app has no identity of its own.', {
      advice: 'As root, Lockstep gives each app two uids and a gid.',
    });
  return { uid: app.liveUid, gid };
}
