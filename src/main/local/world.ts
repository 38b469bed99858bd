// A small Lockstep for one command: an agent in this process, a store and a bare repository, in a home of its own under the
// user's cache folder, so that tools and layers are there the next time. It has no router and no door: nothing is ever
// served, and main never moves. The repository borrows the work tree's objects; what it makes stays its own.
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAgent } from '../../agent/client.ts';
import { homeFolders } from '../../agent/folders.ts';
import type { RouterPort } from '../../agent/supervise/routing.ts';
import { BlobCache } from '../../build/git-tree.ts';
import { type App, type Principal, rights } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import { type AppId, parseId } from '../../domain/ids.ts';
import { type BranchName, parseAppName } from '../../domain/names.ts';
import { openRepository, type Repository } from '../../git/repository.ts';
import { createApp } from '../../journey/apps.ts';
import { DesiredPublisher } from '../../journey/desired.ts';
import { JobsAhead } from '../../journey/jobs-ahead.ts';
import { ProgressBook } from '../../journey/progress.ts';
import { idsFollow, newId, nowMs, type World } from '../../journey/world.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import { Uses } from '../../lib/uses.ts';
import { openShelf } from '../../published/shelf.ts';
import { Observations } from '../../release/observations.ts';
import { findApp } from '../../store/apps.ts';
import { defaultTeam } from '../../store/meta.ts';
import { openDatabase } from '../../store/open.ts';
import { defaultLimits } from '../../store/retention.ts';
import { startAgent } from '../agent.ts';
import { keepHearing } from '../hear-agent.ts';
import { programRoot } from '../version.ts';

export type LocalWorld = {
  world: World;
  /** Which promises hold on this machine. */
  enforcement: Awaited<ReturnType<typeof startAgent>>['hello']['enforcement'];
  /** The app that stands for a checkout, made when it is not there. @param objects the checkout's object folder */
  appOf(top: string, objects: string): Promise<{ app: App; repository: Repository }>;
  /** Reads the row again. */
  again(app: App): App;
  close(): Promise<void>;
};

/** Identities above those of the apps that a server on the same machine has. */
const identityOffset = 8000;
const mostWaitMs = 15 * 60_000;

/** @param waiting told once when another command has the home */
export async function openLocalWorld(
  home: string,
  engineSocket: string,
  waiting: () => void,
  signal: AbortSignal,
): Promise<LocalWorld> {
  const folders = homeFolders(home);
  const agentProcess = await startWhenFree(home, engineSocket, waiting, signal);
  const ended = new AbortController();
  const folder = join(home, 'control');
  await mkdir(join(folder, 'repos'), { recursive: true, mode: 0o700 });
  const database = openDatabase(join(folder, 'lockstep.db'));
  idsFollow(database);
  const teamId = defaultTeam(database, () => newId('tea'), Math.round(nowMs()));
  const owner: Principal = { tokenId: null, name: 'you', teamId, rights, appIds: null };
  const agent = connectAgent({ socketPath: folders.socket });
  const observations = new Observations();
  const quiet = () => {};
  const locks = new Map<AppId, Semaphore>();
  const uses = new Map<AppId, Uses>();
  const repositories = new Map<AppId, Promise<Repository>>();
  const pathOf = (id: AppId) => join(folder, 'repos', `${id}.git`);
  const of = <T>(map: Map<AppId, T>, id: AppId, make: () => T): T => {
    const found = map.get(id) ?? make();
    map.set(id, found);
    return found;
  };
  const world: World = {
    ...{ database, agent, observations, progress: new ProgressBook(), blobs: new BlobCache(), log: quiet },
    desired: new DesiredPublisher({
      ...{ database, agent, platformHosts: [], docsHostOf: null, publicPort: null, log: quiet },
    }),
    shelf: openShelf(join(folder, 'published')),
    ahead: new JobsAhead(null),
    gateSlots: new Semaphore(1),
    lockOf: (id) => of(locks, id, () => new Semaphore(1)),
    usesOf: (id) => of(uses, id, () => new Uses()),
    repositoryOf: (app) => of(repositories, app.id, () => openRepository(pathOf(app.id), {})),
    reopenRepository: (app) => openRepository(pathOf(app.id), {}),
    unguardedParts: async () => [],
    listRepositories: async () =>
      (await readdir(join(folder, 'repos'))).flatMap((name) => parseId('app', name.replace(/\.git$/, '')) ?? []),
    rowLimits: defaultLimits,
    forget: async (id) => void (await rm(pathOf(id), { recursive: true, force: true })),
    urlOf: () => '',
    docsUrlOf: () => '',
    gitUrlOf: () => '',
    hello: () => agent.hello(),
    ownRegistry: null,
    imagesGone() {},
    receiptsDue: quiet,
    queueGrown: () => {},
    announce: quiet,
    signal: ended.signal,
  };
  keepHearing(world);
  return {
    world,
    enforcement: agentProcess.hello.enforcement,
    async appOf(top, objects) {
      const name = parseAppName(`co-${createHash('sha256').update(top).digest('hex').slice(0, 16)}`);
      const app = findApp(database, owner, name) ?? (await make(name));
      const repository = await world.repositoryOf(app);
      await writeFile(join(repository.path, 'objects', 'info', 'alternates'), `${objects}\n`);
      return { app: { ...app, mainBranch: 'main' as BranchName }, repository };
    },
    again: (app) => ({ ...(findApp(database, owner, app.name) ?? app), mainBranch: app.mainBranch }),
    async close() {
      ended.abort(new Error('the command has ended'));
      await agentProcess.stop({ instances: true });
      database.close();
    },
  };

  async function make(name: App['name']): Promise<App> {
    const app = await createApp(world, owner, { name, mainBranch: null }, 'localhost');
    database.prepare('UPDATE apps SET identity = identity + ? WHERE id = ?').run(identityOffset, app.id);
    return findApp(database, owner, name)!;
  }
}

/** Two commands of one user share the home, one after the other. */
async function startWhenFree(home: string, engineSocket: string, waiting: () => void, signal: AbortSignal) {
  const until = performance.now() + mostWaitMs;
  for (let isTold = false; ; ) {
    try {
      return await startAgent({
        ...{ home, engineSocket, controlUid: null, routerSocket: homeFolders(home).routerSocket, router: noRouter() },
        programRoot,
        log: () => {},
      });
    } catch (error) {
      if (!isFailure(error, 'home-in-use') || signal.aborted || performance.now() > until) throw error;
      if (!isTold) waiting();
      isTold = true;
      await sleep(300);
    }
  }
}

/** Takes every route and serves none; like a router, it never goes back. */
function noRouter(): RouterPort {
  let generation = 0;
  return {
    hello: async () => ({ protocol: 1, program: 'none', pid: process.pid, generation, port: 0, startedAtMs: 0 }),
    async putSnapshot(snapshot) {
      generation = Math.max(generation, snapshot.generation);
      return { generation };
    },
    routes: async () => ({ generation, pid: process.pid, routes: {} }),
    drained: async () => true,
    letGo: async () => null,
  };
}
