// Two thousand clients who are as slow as they can be, against the router as it is shipped, and one visitor beside them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { machine, until } from './support/agent-machine.ts';
import { trafficApp } from './support/traffic.ts';

const counts = { headers: 1400, bodies: 400, readers: 200 };
/** The limit on a header, and the time in which Node looks for those that are beyond it. */
const headersGoneMs = 25_000;

const p99Of = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!;

type Slow = { socket: Socket; text: string };

test('E7: two thousand slow clients: headers end at their limit, bodies and readers make room, and a visitor is served', async (context) => {
  await using here = await machine();
  await here.startRouter();
  await here.startAgent();
  const app = here.app();
  const treeId = await here.tree(app, { 'traffic.py': readFileSync(join(trafficApp, 'app.py'), 'utf8') });
  const web = { type: 'web', count: 1, command: { argv: ['/usr/bin/python3', '-S', 'traffic.py'] }, env: {} };
  const candidate = here.set(treeId, 'serve', { processes: [web] });
  await here.put({ ...app, sets: [candidate] });
  await here.ofSet(candidate, 'healthy');
  await here.put({ ...app, sets: [{ ...candidate, stage: 'live' }], routed: candidate.id });
  const host = app.hosts[0]!;
  const alone: number[] = [];
  for (let at = 0; at < 100; at += 1) {
    const askedAt = performance.now();
    assert.equal((await here.get(app)).status, 200);
    alone.push(performance.now() - askedAt);
  }
  const saneMs = Math.max(1000, 10 * p99Of(alone));
  const end = new AbortController();
  const open = (count: number, says: string) =>
    Array.from({ length: count }, (_, at): Slow => {
      const localAddress = `127.0.0.${2 + (at % 8)}`;
      const slow = { socket: connect({ host: '127.0.0.1', port: here.routerPort, localAddress }), text: '' };
      slow.socket.on('error', () => {});
      slow.socket.write(says);
      return slow;
    });
  const readers = open(counts.readers, `GET /download?bytes=100000000&seed=s HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  for (const { socket } of readers) socket.pause();
  const bodies = open(counts.bodies, `POST /upload HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n`);
  const headers = open(counts.headers, `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
  const talkers = [...bodies, ...headers];
  for (const slow of talkers) slow.socket.on('data', (chunk: Buffer) => (slow.text += chunk.toString('latin1')));
  const startedAt = performance.now();
  const trickling = (async () => {
    for (; !end.signal.aborted; await sleep(1000))
      for (const { socket } of talkers) if (socket.writable) socket.write('x');
  })();
  try {
    await until('the app is full', async () => (await here.inFlight(app)) >= app.concurrency);
    // Who is slow is known after two windows; until then the app is full, and says so at once.
    await until('a visitor is let in', async () => (await here.get(app)).status === 200);
    const letInMs = performance.now() - startedAt;
    const times: number[] = [];
    while (headers.some(({ socket }) => !socket.destroyed)) {
      assert.ok(performance.now() - startedAt < headersGoneMs, 'headers that never end are still there');
      const askedAt = performance.now();
      const answer = await here.get(app);
      assert.equal(answer.status, 200, answer.text);
      times.push(performance.now() - askedAt);
      await sleep(25);
    }
    times.sort((a, b) => a - b);
    const p99 = p99Of(times);
    context.diagnostic(
      `let in after ${Math.round(letInMs)} ms; then ${times.length} pages, p50 ${times[times.length >> 1]!.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    );
    assert.ok(p99 < saneMs, `p99 ${p99} ms, alone it was ${p99Of(alone)}`);
    for (const { text } of headers) assert.match(text, /^(HTTP\/1\.1 408 [\s\S]*x-lockstep-code: L13|$)/);
    for (const { text } of bodies) assert.match(text, /^(HTTP\/1\.1 (408|503) [\s\S]*x-lockstep-code: L1[45]|$)/);
  } finally {
    end.abort();
    await trickling;
    for (const { socket } of [...readers, ...talkers]) socket.destroy();
  }
});
