// What the agent can drop without asking anybody, when room is short: first what can be made again or was read already, then
// the older pieces of logs. What control alone knows to be unneeded (releases, layers, objects) is control's to name. A
// step is not taken when those before it have made enough room.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppId, parseId } from '../../domain/ids.ts';
import { isRoomy, readRoom } from '../../lib/room.ts';
import type { AgentCore } from '../agent.ts';
import type { HomeFolders } from '../folders.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Layers } from '../layers/layers.ts';
import { removeTree } from '../remove-tree.ts';

type Parts = {
  folders: HomeFolders;
  core: Pick<AgentCore, 'dropOldLogs'>;
  jobs: Pick<Jobs, 'dropEnded' | 'inUse'>;
  layers: Pick<Layers, 'inMaking'>;
};

const steps: readonly ((parts: Parts) => Promise<void>)[] = [
  ({ jobs }) => jobs.dropEnded(),
  dropIdleCaches,
  ({ core }) => core.dropOldLogs(),
  async ({ folders }) => {
    for (const name of ['agent', 'control', 'router'])
      await rm(join(folders.home, 'logs', `${name}.log.1`), { force: true });
  },
];

export async function sweepHome(parts: Parts): Promise<{ bytesFreed: number }> {
  const { home } = parts.folders;
  const before = readRoom(home).availableBytes;
  for (const step of steps) {
    await step(parts);
    if (isRoomy(readRoom(home))) break;
  }
  return { bytesFreed: Math.max(0, readRoom(home).availableBytes - before) };
}

/** Caches of the gate (uv's, and what the tools of an app keep), where nothing of the app is being installed or checked. */
async function dropIdleCaches({ folders, jobs, layers }: Parts): Promise<void> {
  for (const name of await readdir(folders.apps).catch(() => [])) {
    const id = parseId('app', name);
    if (id === null || isAtWork(id, jobs, layers)) continue;
    for (const one of await readdir(folders.gateCache(id)).catch(() => []))
      await removeTree(join(folders.gateCache(id), one));
  }
}

const isAtWork = (id: AppId, jobs: Parts['jobs'], layers: Parts['layers']): boolean =>
  jobs.inUse(id).jobs + layers.inMaking(id).length > 0;
