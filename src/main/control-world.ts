// The world of control: what every step of the journey works with, made once. Locks, uses and repositories are one an app, made when somebody first
// asks for them and forgotten with the app. What stands on the world itself (queue, receipts, branches, the registry) comes in by `ties`,
// which are asked only once all of it is there. Nothing here listens, and nothing is decided.
import { readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { connectAgent } from '../agent/client.ts';
import { BlobCache } from '../build/git-tree.ts';
import type { Config } from '../config/config.ts';
import type { AgentHello } from '../domain/hello.ts';
import { type AppId, parseId } from '../domain/ids.ts';
import { parseHostname } from '../domain/names.ts';
import { unguarded } from '../git/inspect.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { DesiredPublisher } from '../journey/desired.ts';
import { JobsAhead } from '../journey/jobs-ahead.ts';
import { ProgressBook } from '../journey/progress.ts';
import type { World } from '../journey/world.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { Uses } from '../lib/uses.ts';
import { docsLabel } from '../published/serve-docs.ts';
import { openShelf } from '../published/shelf.ts';
import { Observations } from '../release/observations.ts';
import { defaultLimits } from '../store/retention.ts';

export type WorldTies = Pick<World, 'imagesGone' | 'receiptsDue' | 'queueGrown' | 'announce'> & {
  ownRegistry(): World['ownRegistry'];
  /** The app is destroyed: what is known of it elsewhere. */
  forget(id: AppId): void;
};

export function controlWorld(given: {
  database: DatabaseSync;
  config: Config;
  /** Control's own, in the home. */
  folder: string;
  /** The platform's own address. */
  url: string;
  ties: WorldTies;
  log: World['log'];
  signal: AbortSignal;
}): World {
  const { database, config, folder, url, ties, log, signal } = given;
  const publicPort = config.port === 80 ? null : config.port;
  const agent = connectAgent({ socketPath: config.sockets.agent });
  const observations = new Observations();
  const docsHostOf = ({ name }: { name: string }) => parseHostname(`${docsLabel(name)}.${config.base}`);
  const withPort = (host: string) => `http://${host}${publicPort === null ? '' : `:${publicPort}`}`;
  const platformHosts = ['127.0.0.1', `lockstep.${config.base}`, config.base].map(parseHostname);
  const desired = new DesiredPublisher({ database, agent, platformHosts, docsHostOf, publicPort, log });
  const locks = new Map<AppId, Semaphore>();
  const repositories = new Map<AppId, Promise<Repository>>();
  const uses = new Map<AppId, Uses>();
  const repositoryPathOf = (id: AppId): string => join(folder, 'repos', `${id}.git`);
  let hello: { bootId: string; answer: Promise<AgentHello> } | null = null;

  const world: World = {
    ...{ database, agent, observations, desired, log, signal },
    progress: new ProgressBook(),
    blobs: new BlobCache(),
    shelf: openShelf(join(folder, 'published')),
    ahead: new JobsAhead(agent),
    gateSlots: new Semaphore(Math.max(1, Math.floor(availableParallelism() / 2))),
    lockOf(id) {
      const lock = locks.get(id) ?? new Semaphore(1);
      locks.set(id, lock);
      return lock;
    },
    repositoryOf(app) {
      const known = repositories.get(app.id);
      if (known) return known;
      const opened = openRepository(repositoryPathOf(app.id), {
        mainBranch: app.mainBranch,
        maxInputBytes: config.maxPushBytes,
      });
      opened.catch(() => repositories.delete(app.id));
      repositories.set(app.id, opened);
      return opened;
    },
    reopenRepository(app) {
      repositories.delete(app.id);
      return world.repositoryOf(app);
    },
    unguardedParts: (app) =>
      unguarded(repositoryPathOf(app.id), { mainBranch: app.mainBranch, maxInputBytes: config.maxPushBytes }),
    listRepositories: async () =>
      (await readdir(join(folder, 'repos'))).flatMap((name) => parseId('app', name.replace(/\.git$/, '')) ?? []),
    rowLimits: { ...defaultLimits, ...config.keepRows },
    usesOf(id) {
      const found = uses.get(id) ?? new Uses();
      uses.set(id, found);
      return found;
    },
    async forget(id) {
      locks.delete(id);
      uses.delete(id);
      repositories.delete(id);
      ties.forget(id);
      world.ahead.forget(id);
      await rm(repositoryPathOf(id), { recursive: true, force: true });
      await world.shelf.forget(id);
    },
    urlOf: (app) => withPort(app.hosts[0]!),
    docsUrlOf: (app) => withPort(docsHostOf(app)),
    gitUrlOf: (app) => `${url}/${app.name}.git`,
    get ownRegistry() {
      return ties.ownRegistry();
    },
    imagesGone: () => ties.imagesGone(),
    hello() {
      const bootId = observations.agent?.bootId ?? '';
      if (hello === null || hello.bootId !== bootId) {
        const answer = agent.hello();
        answer.catch(() => {
          hello = null;
        });
        hello = { bootId, answer };
      }
      return hello.answer;
    },
    receiptsDue: (app) => ties.receiptsDue(app),
    queueGrown: (app) => ties.queueGrown(app),
    announce: () => ties.announce(),
  };
  return world;
}
