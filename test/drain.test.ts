// What is under way at a switch, by a real agent, a real router and real instances, with a drain limit short enough to be met:
// it ends on the old release, and what would last longer than the limit is told so.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredSet } from '../src/domain/desired.ts';
import { machine, until } from './support/agent-machine.ts';
import { trafficApp } from './support/traffic.ts';
import { openSocket, type TestSocket } from './support/web-socket.ts';

/** Long enough for whatever is slow on purpose, also on a busy machine; what has drained does not wait for it. */
const ampleMs = 60_000;
/** Short enough to be met. */
const shortMs = 2500;
const source = readFileSync(join(trafficApp, 'app.py'), 'utf8');

/** A live release v1 of an app, and how to go on from it. */
async function place(drainMs: number) {
  const here = await machine({ timings: { drainMs, stopGraceMs: 300 } });
  await here.startRouter();
  await here.startAgent();
  const app = here.app();
  const tree = await here.tree(app, { 'traffic.py': source });
  let live: DesiredSet | null = null;
  let releases = 0;
  /** A healthy candidate of the next release. */
  const next = async (): Promise<DesiredSet> => {
    releases += 1;
    const releaseLabel = `v${releases}`;
    const command = { argv: ['/usr/bin/python3', '-S', 'traffic.py'] };
    const env = { LOCKSTEP_RELEASE: releaseLabel, LOCKSTEP_VOLUME_SEEN: '/tmp' };
    const set = here.set(tree, 'serve', { releaseLabel, processes: [{ type: 'web', count: 1, command, env }] });
    await here.put({ ...app, sets: live === null ? [set] : [live, set], routed: live?.id ?? null });
    await here.ofSet(set, 'healthy');
    return { ...set, stage: 'live' };
  };
  live = await next();
  await here.put({ ...app, sets: [live], routed: live.id });
  return {
    app,
    get: () => here.get(app),
    port: () => here.routerPort,
    /** Switches to the next release; the old one begins to drain. */
    async switchOver(): Promise<{ old: DesiredSet; now: DesiredSet; atMs: number }> {
      const old = live!;
      const now = await next();
      await here.put({ ...app, sets: [now], routed: now.id });
      live = now;
      return { old, now, atMs: performance.now() };
    },
    gone: (set: DesiredSet) =>
      until(`${set.releaseLabel} is gone`, async () => {
        const { instances } = await here.states();
        return instances.every((one) => one.setId !== set.id);
      }),
    ask(path: string, method = 'GET', length = 0) {
      const headers = { host: app.hosts[0]!, ...(length > 0 ? { 'content-length': length } : {}) };
      const asked = request({ host: '127.0.0.1', port: here.routerPort, path, method, headers, agent: false });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        asked.once('response', resolve);
        asked.once('error', reject);
      });
      answered.catch(() => {});
      return { asked, answered };
    },
    /** Until the router knows of `count` requests under way. */
    underWay: (count: number) => until(`${count} are under way`, async () => (await here.inFlight(app)) === count),
    [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
  };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const pieces = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) pieces.push(chunk);
  return Buffer.concat(pieces).toString();
}

test('E1: a request in flight at the switch ends on the old release with 200, while new ones go to the new one', async () => {
  await using here = await place(ampleMs);
  const { asked, answered } = here.ask('/?ms=3000');
  asked.end();
  await here.underWay(1);
  const { old, now } = await here.switchOver();
  const fresh = await here.get();
  assert.deepEqual([fresh.status, fresh.release], [200, now.releaseLabel]);
  const answer = await answered;
  assert.equal(await textOf(answer), 'ok\n');
  assert.deepEqual(
    [answer.statusCode, answer.headers['x-lockstep-release'], answer.headers['x-app-release']],
    [200, old.releaseLabel, old.releaseLabel],
  );
  await here.gone(old);
});

test('E2: a slow upload and a slow download over the switch are whole, their hashes equal', async () => {
  await using here = await place(ampleMs);
  const bytes = 2 * 1024 * 1024;
  const piece = Buffer.alloc(bytes / 16, 'u');
  const upload = here.ask('/upload', 'POST', bytes);
  const download = here.ask(`/download?bytes=${20 * 1024 * 1024}&seed=s`);
  download.asked.end();
  upload.asked.write(piece);
  await here.underWay(2);
  const { old } = await here.switchOver();
  const hash = createHash('sha256').update(piece);
  for (let at = 1; at < 16; at += 1) {
    await sleep(80);
    upload.asked.write(piece);
    hash.update(piece);
  }
  upload.asked.end();
  const answer = await upload.answered;
  assert.equal(await textOf(answer), hash.digest('hex'));
  assert.equal(answer.headers['x-app-release'], old.releaseLabel);
  const slow = await download.answered;
  const got = createHash('sha256');
  let count = 0;
  for await (const chunk of slow as AsyncIterable<Buffer>) {
    got.update(chunk);
    count += chunk.length;
    if (Math.floor(count / 1_000_000) > Math.floor((count - chunk.length) / 1_000_000)) await sleep(20);
  }
  const seed = createHash('sha256').update('s').digest();
  assert.equal(slow.headers['x-app-release'], old.releaseLabel);
  assert.equal(
    got.digest('hex'),
    createHash('sha256')
      .update(Buffer.alloc(20 * 1024 * 1024, seed))
      .digest('hex'),
  );
  await here.gone(old);
});

test('E2: what lasts longer than the drain limit is cut then and not before: L19 without an answer, the end in the middle of one', async () => {
  await using here = await place(shortMs);
  const unanswered = here.ask('/?ms=60000');
  unanswered.asked.end();
  const endless = here.ask(`/download?bytes=${4 * 1024 ** 3}&seed=s`);
  endless.asked.end();
  const stuck = await endless.answered;
  await here.underWay(2);
  const { old, atMs } = await here.switchOver();
  const answer = await unanswered.answered;
  const afterMs = performance.now() - atMs;
  assert.ok(afterMs >= shortMs - 100, `cut after ${afterMs} ms`);
  assert.deepEqual([answer.statusCode, answer.headers['x-lockstep-code']], [503, 'L19']);
  await assert.rejects(async () => {
    for await (const _ of stuck as AsyncIterable<Buffer>);
  }, /aborted/);
  await here.gone(old);
});

test('E3: fifty sockets and a stream outlast the switch, are told 1012 or end whole at the drain limit, and come back to the new release', async () => {
  await using here = await place(shortMs);
  const open = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () => openSocket({ port: here.port(), host: here.app.hosts[0]!, path: '/socket' })),
    );
  const echoes = async (sockets: TestSocket[]) => {
    for (const [at, socket] of sockets.entries()) {
      socket.send(`hello ${at}`);
      assert.equal(await socket.next(), `hello ${at}`);
    }
  };
  const sockets = await open(50);
  await echoes(sockets);
  const stream = here.ask('/events');
  stream.asked.end();
  const events = textOf(await stream.answered);
  await here.underWay(51);
  const { old, now, atMs } = await here.switchOver();
  await echoes(sockets);
  const closed = await Promise.all(sockets.map((socket) => socket.closed));
  const afterMs = performance.now() - atMs;
  assert.ok(afterMs >= shortMs - 100, `closed after ${afterMs} ms`);
  assert.deepEqual(new Set(closed.map(({ code }) => code)), new Set([1012]));
  assert.match(await events, /^data: 0\n\ndata: 1\n\n/);
  const again = await open(50);
  assert.deepEqual(new Set(again.map(({ headers }) => headers['x-app-release'])), new Set([now.releaseLabel]));
  await echoes(again);
  for (const socket of again) socket.destroy();
  await here.gone(old);
});
