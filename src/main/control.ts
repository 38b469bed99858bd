// The control process: opens the store, finishes what the last one left, listens on its Unix socket for git and for the
// API, and keeps the agent's desired state. It starts no program but git. Usage:
//   LOCKSTEP_HOME=<folder> node control.ts --port 8080 --base localhost
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { createApi } from '../api/api.ts';
import { sweepPlainCopies } from '../backup/plain-copy.ts';
import { readConfig } from '../config/config.ts';
import { parseId } from '../domain/ids.ts';
import { removeLateQuarantines, removeQuarantines } from '../git/left-overs.ts';
import { removeLeftOvers } from '../journey/apps.ts';
import { dropOldRows } from '../journey/housekeeping.ts';
import { ImageLooks } from '../journey/images/looks.ts';
import { keepMakingRoom } from '../journey/make-room.ts';
import { MergeQueues } from '../journey/queue/queue.ts';
import { ReceiptBook } from '../journey/receipts.ts';
import { recover } from '../journey/recover.ts';
import { StoredBranches } from '../journey/stored-branches.ts';
import { idsFollow, newId, nowMs, type World } from '../journey/world.ts';
import { collectAtRest } from '../lib/collect-at-rest.ts';
import { hearOut } from '../lib/hear-out.ts';
import { createServer } from '../lib/http.ts';
import { keepCompiled } from '../lib/keep-compiled.ts';
import { lineLog } from '../lib/line-log.ts';
import { signingKeyFile } from '../proof/signing-key.ts';
import { DocsServer, docsNameOf } from '../published/serve-docs.ts';
import { answerSender } from '../receive/notices/answer-sender.ts';
import { GitSlots } from '../receive/slots.ts';
import { defaultTeam } from '../store/meta.ts';
import { openDatabase } from '../store/open.ts';
import { liveDocs } from '../store/releases.ts';
import { controlWorld } from './control-world.ts';
import { ensureOwnerToken, readSigner } from './credentials.ts';
import { answerGit, answerTrouble, type GitDoor } from './git-door.ts';
import { keepHearing } from './hear-agent.ts';
import { holdOrEnd } from './hold-or-end.ts';
import { keepCopies } from './keep-copies.ts';
import { LedgerGrowth } from './ledger-growth.ts';
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
const ledger = new LedgerGrowth();
const world: World = controlWorld({
  ...{ database, config, folder, url, log: say, signal: ended.signal },
  ties: {
    receiptsDue: (app) => receipts.due(app),
    queueGrown: (app) => queues.wake(app.id),
    announce: () => ledger.announce(),
    imagesGone: () => ownRegistry?.gone(),
    ownRegistry: () =>
      ownRegistry === null ? null : { host: registryHost, loginOf: (app) => ownRegistry.door.loginOf(app) },
    forget(id) {
      branches.forget(id);
      queues.forget(id);
    },
  },
});

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
  ledgerGrown: (signal) => ledger.wait(signal),
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
removeLateQuarantines(join(folder, 'repos'), (repository, work) => {
  const id = parseId('app', repository.replace(/\.git$/, ''));
  if (id !== null) world.usesOf(id).whenIdle(work);
});
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
