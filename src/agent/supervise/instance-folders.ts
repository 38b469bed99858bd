// HOME and TMPDIR of an instance: its own, gone with it. And who it runs as.
import { lchown, mkdir } from 'node:fs/promises';
import type { AppRef } from '../../domain/agent.ts';
import type { InstanceId } from '../../domain/ids.ts';
import { ensureAppFolders, type HomeFolders } from '../folders.ts';

/** Makes them, with the app's own folders around them. */
export async function makeInstanceFolders(folders: HomeFolders, app: AppRef, id: InstanceId): Promise<void> {
  await ensureAppFolders(folders, app);
  const home = folders.instance(app.id, id);
  for (const path of [home, `${home}/tmp`]) await mkdir(path, { recursive: true, mode: 0o700 });
  const identity = identityOf(app);
  // The inner one first: once the outer one is the app's, root follows no path through it.
  if (identity !== null) for (const path of [`${home}/tmp`, home]) await lchown(path, identity.uid, identity.gid);
}

/** null when identities are shared. */
export function identityOf(app: Pick<AppRef, 'liveUid' | 'gid'>): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0 || app.liveUid === null) return null;
  return { uid: app.liveUid, gid: app.gid ?? app.liveUid };
}
