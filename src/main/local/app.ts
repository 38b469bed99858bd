// An app on a developer's machine: by the folder that it is in, or by the server's name for one that has no folder. Nothing of it is the server's
// own: containers, networks and volumes here are never taken for those of an agent on the same engine.
import { createHash } from 'node:crypto';
import { appUid } from '../../build/dockerfile/dockerfile.ts';
import type { DesiredApp } from '../../domain/desired.ts';
import { type AppId, makeId, type TeamId } from '../../domain/ids.ts';
import { type AppName, type Hostname, parseAppName } from '../../domain/names.ts';
import { appConcurrency } from '../../release/compose.ts';

/** @param of a folder of this machine, or what else names it */
export const localAppId = (of: string): AppId => makeId('app', 0, createHash('sha256').update(of).digest());

/** As a folder is called, as far as an app may be called so. */
export function nameOfFolder(folder: string): AppName {
  const text = (folder.split('/').at(-1) ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  try {
    return parseAppName(text.replace(/^[^a-z]+|-+$/g, '').slice(0, 30));
  } catch {
    return parseAppName('app');
  }
}

/** As root every image that Lockstep writes runs as the user that stands in it; else as whoever asked. */
export function localApp(id: AppId, name: AppName): DesiredApp {
  const isRoot = process.getuid?.() === 0;
  return {
    ...{ id, name, teamId: 'tea_00000000000000000000000000' as TeamId, hosts: ['localhost' as Hostname], routed: null },
    ...(isRoot ? { liveUid: appUid, gateUid: appUid + 1, gid: appUid } : { liveUid: null, gateUid: null, gid: null }),
    ...{ concurrency: appConcurrency, sets: [] },
  };
}
