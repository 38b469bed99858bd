// The control process: opens the store, finishes what the last one left, listens on its Unix socket for git and for the
// API, and keeps the agent's desired state. It starts no program but git. Usage:
//   LOCKSTEP_HOME=<folder> node control.ts --port 8080 --base localhost
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { connectAgent } from '../agent/client.ts';
import { createApi } from '../api/api.ts';
import { sweepPlainCopies } from '../backup/plain-copy.ts';
import { BlobCache } from '../build/git-tree.ts';
import { readConfig } from '../config/config.ts';
import type { App } from '../domain/app.ts';
import type { AgentHello } from '../domain/hello.ts';
import { type AppId, parseId } from '../domain/ids.ts';
import { parseHostname } from '../domain/names.ts';
import { unguarded } from '../git/inspect.ts';
import { removeQuarantines } from '../git/left-overs.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { removeLeftOvers } from '../journey/apps.ts';
import { DesiredPublisher } from '../journey/desired.ts';
import { dropOldRows } from '../journey/housekeeping.ts';
import { ImageLooks } from '../journey/images/looks.ts';
import { JobsAhead } from '../journey/jobs-ahead.ts';
import { keepMakingRoom } from '../journey/make-room.ts';
import { ProgressBook } from '../journey/progress.ts';
import { MergeQueues } from '../journey/queue/queue.ts';
import { ReceiptBook } from '../journey/receipts.ts';
import { recover } from '../journey/recover.ts';
import { StoredBranches } from '../journey/stored-branches.ts';
import { idsFollow, newId, nowMs, type World } from '../journey/world.ts';
import { collectAtRest } from '../lib/collect-at-rest.ts';
import { hearOut } from '../lib/hear-out.ts';
import { keepCompiled } from '../lib/keep-compiled.ts';
import { lineLog } from '../lib/line-log.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { Uses } from '../lib/uses.ts';
import { signingKeyFile } from '../proof/signing-key.ts';
import { DocsServer, docsLabel, docsNameOf } from '../published/serve-docs.ts';
import { openShelf } from '../published/shelf.ts';
import { answerSender } from '../receive/notices/answer-sender.ts';
import { GitSlots } from '../receive/slots.ts';
import { Observations } from '../release/observations.ts';
import { defaultTeam } from '../store/meta.ts';
import { openDatabase } from '../store/open.ts';
import { liveDocs } from '../store/releases.ts';
import { defaultLimits } from '../store/retention.ts';
import { ensureOwnerToken, readSigner } from './credentials.ts';
import { answerGit, answerTrouble, type GitDoor } from './git-door.ts';
import { keepHearing } from './hear-agent.ts';
import { holdOrEnd } from './hold-or-end.ts';
import { keepCopies } from './keep-copies.ts';
import { platformOf } from './platform.ts';
import { answerNone } from './registry/door.ts';
import { openOwnRegistry } from './registry/room.ts';
import { answerRefused, openSurely } from './stand-by.ts';
import { endOnUncaught } from './uncaught.ts';
import { programVersion } from './version.ts';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, base: { type: 'string', default: 'localhost' } },
});
process.umask(0o077);
/** It takes a moment in which nobody is answered: not the first one. */
const keepCompiledAfterMs = 1000;
const config = readConfig({ port: values.port, base: values.base }, process.env, false);
const folder = join(config.home, 'control');
const say = lineLog(1, 'control');
const ended = new AbortController();
endOnUncaught((message, stack) => say({ level: 'error', message, stack }));

let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer(
  { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 60_000 },
  (request, response) => {
    hearOut(request, response);
    answer(request, response);
  },
);
let closeStore = (): void => {};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);

mkdirSync(join(folder, 'repos'), { recursive: true, mode: 0o700 });
const databaseFile = join(folder, 'lockstep.db');
const mustHold = readdirSync(join(folder, 'repos')).length > 0;
let alone: Disposable | null = null;
const openAlone = () => {
  alone ??= holdOrEnd(join(folder, 'lock'), say);
  return openDatabase(databaseFile, { mustHold });
};
const database = await openSurely(openAlone, {
  file: databaseFile,
  async refused(reason) {
    const { code, message, advice } = reason;
    say({ level: 'error', code, message, advice, cause: String((reason.cause as Error | undefined)?.message ?? '') });
    answer = (request, response) => answerRefused(reason, request, response);
    await listen();
  },
  signal: ended.signal,
});
closeStore = () => {
  database.close();
  alone?.[Symbol.dispose]();
};
idsFollow(database);
const teamId = defaultTeam(database, () => newId('tea'), Math.round(nowMs()));
await ensureOwnerToken(join(folder, 'owner.token'), database, teamId);
const signer = await readSigner(join(folder, signingKeyFile), say);

const url = `http://127.0.0.1:${config.port}`;
const publicPort = config.port === 80 ? null : config.port;
const agent = connectAgent({ socketPath: config.sockets.agent });
const observations = new Observations();
const docsHostOf = ({ name }: { name: string }) => parseHostname(`${docsLabel(name)}.${config.base}`);
const withPort = (host: string) => `http://${host}${publicPort === null ? '' : `:${publicPort}`}`;
const desired = new DesiredPublisher({
  database,
  agent,
  platformHosts: [parseHostname('127.0.0.1'), parseHostname(`lockstep.${config.base}`), parseHostname(config.base)],
  docsHostOf,
  publicPort,
  log: say,
});
const locks = new Map<AppId, Semaphore>();
const repositories = new Map<AppId, Promise<Repository>>();
const uses = new Map<AppId, Uses>();
const repositoryPathOf = (id: AppId): string => join(folder, 'repos', `${id}.git`);
let hello: { bootId: string; answer: Promise<AgentHello> } | null = null;
let grown = Promise.withResolvers<void>();

const world: World = {
  database,
  agent,
  observations,
  desired,
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
    branches.forget(id);
    queues.forget(id);
    world.ahead.forget(id);
    await rm(repositoryPathOf(id), { recursive: true, force: true });
    await world.shelf.forget(id);
  },
  urlOf: (app) => withPort(app.hosts[0]!),
  docsUrlOf: (app) => withPort(docsHostOf(app)),
  gitUrlOf: (app) => `${url}/${app.name}.git`,
  get ownRegistry() {
    return ownRegistry === null
      ? null
      : { host: registryHost, loginOf: (app: Pick<App, 'id'>) => ownRegistry.door.loginOf(app) };
  },
  imagesGone: () => ownRegistry?.gone(),
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
  receiptsDue: (app) => receipts.due(app),
  queueGrown: (app) => queues.wake(app.id),
  announce() {
    grown.resolve();
    grown = Promise.withResolvers();
  },
  log: say,
  signal: ended.signal,
};

const branches = new StoredBranches(world);
const receipts = new ReceiptBook(world, signer);
const queues = new MergeQueues(world);
const looks = new ImageLooks(world, {
  answer: (url, outcome) => answerSender(url, outcome, { allowed: config.callbackOrigins }),
});
const registryHost = `127.0.0.1:${config.port}`;
// Sites, and pushes of code, go on without it.
const ownRegistry =
  config.registryProgram === null
    ? null
    : await openOwnRegistry(world, looks, config, registryHost).catch((error: Error) => {
        say({ level: 'error', message: `there is no registry: ${error.message}` });
        return null;
      });
const door: GitDoor = {
  world,
  branches,
  slots: new GitSlots(),
  home: config.home,
  maxPushBytes: config.maxPushBytes,
};
const platform = platformOf({
  world,
  looks,
  ownImages: ownRegistry?.book ?? null,
  receipts,
  publicKey: signer,
  base: config.base,
  url,
  home: config.home,
  version: programVersion,
  ledgerGrown: (signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      void grown.promise.then(done);
      if (signal.aborted) done();
    }),
});
const api = createApi({
  platform,
  version: programVersion,
  log: { error: (fields, message) => say({ level: 'error', message, ...fields }) },
});
const answerApi = getRequestListener(api.fetch, { overrideGlobalObjects: false });

const docs = new DocsServer({
  shelf: world.shelf,
  docsOf: (name) => liveDocs(database, name),
  log: (message) => say({ level: 'warn', message }),
});
const found = await recover(world);
if (found.ended + found.rolledForward + found.requeued > 0) say({ level: 'warn', message: 'recovered', ...found });
keepHearing(world);
removeLeftOvers(world);
void removeQuarantines(join(folder, 'repos')).catch((error: Error) =>
  say({ level: 'warn', message: `quarantines stay: ${error.message}` }),
);
tidy();
setInterval(tidy, 3_600_000).unref();

answer = (request, response) => {
  // A host of its own, where nothing else of the platform answers.
  const docsOfApp = docsNameOf(request.headers.host);
  if (docsOfApp !== null) return void docs.answer(docsOfApp, request, response);
  if (/^\/v2(?:[/?]|$)/.test(request.url ?? ''))
    return void (ownRegistry?.door.answer ?? answerNone)(request, response);
  const isGit = /^\/[^/?]+\.git\//.test(request.url ?? '');
  if (!isGit) return void answerApi(request, response);
  answerGit(door, request, response).catch((error: Error) => {
    say({ level: 'error', message: `git: ${error.message}` });
    answerTrouble(response, error);
  });
};
await listen();
keepMakingRoom(world, config.home);
ownRegistry?.keep();
keepCopies(database, databaseFile, say, ended.signal);
say({ level: 'info', message: 'ready', pid: process.pid });
receipts.makeUp();
queues.takeUp();
looks.takeUp();
collectAtRest();
setTimeout(keepCompiled, keepCompiledAfterMs).unref();

/** Takes requests from now on; asked again, it does already. */
async function listen(): Promise<void> {
  if (server.listening) return;
  rmSync(config.sockets.control, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.sockets.control, resolve);
  });
  chmodSync(config.sockets.control, 0o660);
}

/** What nothing else takes away: old rows, and what a killed backup left. */
function tidy(): void {
  dropOldRows(world);
  const left = sweepPlainCopies(config.home);
  if (left.length > 0) say({ level: 'warn', message: 'a killed backup had left copies of the database', left });
}

/** Then it ends whoever is connected still. */
const endLimitMs = 1000;

/** Ends at once: what is under way is finished or refused by the next start, as after a crash. */
function stop(): void {
  ended.abort(new Error('Lockstep is stopping'));
  const end = (): void => {
    closeStore();
    process.exit(0);
  };
  server.close(end);
  server.closeAllConnections();
  setTimeout(end, endLimitMs);
}
