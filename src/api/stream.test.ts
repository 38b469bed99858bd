import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { rights } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { StreamEvent } from './answer.ts';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';
import { openStream, type StreamOptions } from './stream.ts';

function open(beatMs = 15_000) {
  const fake = createFakePlatform();
  const log = { error: () => {} };
  const api = createApi({ platform: fake, version: '0', log, beatMs, graceMs: 20 });
  const secret = fake.token('ours', rights);
  const get = (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    api.fetch(
      new Request(`http://localhost/api/v1/apps/blog/${path}`, {
        headers: { authorization: `Bearer ${secret}`, accept: 'text/event-stream', ...headers },
        ...(signal ? { signal } : {}),
      }),
    );
  return { fake, api, get, secret };
}

test('progress is lines and then its end, after which the stream closes', async () => {
  const { fake, get } = open();
  fake.script.isEndless = true;
  fake.script.progress = [{ line: 'a\nb\u0000' }, fake.script.progress[1]!];
  const response = await get(`progress/${fake.ids.change}`);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(
    await response.text(),
    `event: line\ndata: {"line":"a\\nb\\u0000"}\n\nevent: end\ndata: {"ok":true,"state":"landed","reason":null,"version":2,"durationMs":5}\n\n`,
  );
});

test('logs are a list, or a stream when that is asked for', async () => {
  const { fake, get } = open();
  const list = (await (await get('logs?lines=2', { accept: 'application/json' })).json()) as { items: unknown[] };
  assert.deepEqual(list, { items: fake.script.lines.slice(-2), next: null });
  const stream = await (await get('logs?lines=1')).text();
  assert.equal(stream, `event: log\ndata: ${JSON.stringify(fake.script.lines[2])}\n\n`);
});

test('events go on after Last-Event-ID, named by their types', async () => {
  const { get } = open();
  const all = await (await get('events')).text();
  const ids = [...all.matchAll(/^event: change\.received\nid: (\d+)$/gm)].map((match) => match[1]!);
  assert.equal(ids.length, 3);
  const rest = await (await get('events?after=0', { 'last-event-id': ids[1]! })).text();
  assert.deepEqual(
    [...rest.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]),
    [ids[2]],
  );
  assert.equal((await get('events', { 'last-event-id': 'x' })).status, 400);
});

test('the result of a run is the last thing of its output', async () => {
  const { fake, get } = open();
  const id = 'job_01JD5Z7Q0G9V1M8XK3T2R4W6YB' as never;
  const result = {
    id,
    exitCode: 3,
    signal: null,
    endedBy: 'exit' as const,
    outputTail: ['hello'],
    outputBytes: 6,
    reports: {},
    startedAtMs: 1,
    durationMs: 2,
  };
  fake.script.job = [{ line: 'hello' }, { result }, { line: 'never shown' }];
  assert.equal(
    await (await get(`runs/${id}/output`)).text(),
    `event: line\ndata: {"line":"hello"}\n\nevent: result\ndata: ${JSON.stringify(result)}\n\n`,
  );
});

test('a refusal before the first event is an HTTP error, later it is the last event', async () => {
  const { fake, get } = open();
  // biome-ignore lint/correctness/useYield: it fails before it could.
  fake.followRun = async function* () {
    throw fail('not-found', 'there is no such run');
  };
  const run = 'runs/job_01JD5Z7Q0G9V1M8XK3T2R4W6YB/output';
  assert.equal((await get(run)).status, 404);
  fake.followRun = async function* () {
    yield { line: 'one' };
    throw fail('agent-away', 'the agent does not answer');
  };
  const [line, error] = (await (await get(run)).text()).split('\n\n');
  assert.equal(line, 'event: line\ndata: {"line":"one"}');
  assert.match(error!, /^event: error\ndata: .*"code":"agent-away"/);
});

test('a silent stream beats, and ends at once when its token is revoked', async () => {
  const { fake, get, secret } = open(20);
  fake.script = { ...fake.script, lines: [], isEndless: true };
  const response = await get('logs?follow=true');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, ': beat\n\n');
  assert.equal((await reader.read()).value, ': beat\n\n');
  fake.database.prepare('UPDATE tokens SET revoked_at_ms = 1').run();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  assert.match(text, /event: error\ndata: .*"code":"unauthenticated"/);
  assert.ok(!text.includes(secret));
  assert.equal(fake.ended, 1);
});

test('only so many streams are open at once, and one that ends makes room', async () => {
  const fake = createFakePlatform();
  fake.script.isEndless = true;
  const api = createApi({ platform: fake, version: '0', log: { error: () => {} }, graceMs: 20, streamLimit: 2 });
  const headers = { authorization: `Bearer ${fake.token('ours', rights)}`, accept: 'text/event-stream' };
  const follow = (path = 'logs?follow=true') => api.app.request(`/api/v1/apps/blog/${path}`, { headers });
  const streams = [await follow(), await follow()];
  const refusal = await follow();
  assert.equal(refusal.status, 503);
  assert.equal(((await refusal.json()) as { code: string }).code, 'busy');
  await streams[0]!.body!.cancel();
  assert.equal((await follow('events?cursor=x')).status, 400);
  const third = await follow();
  assert.equal(third.status, 200);
  await third.body!.cancel();
  await streams[1]!.body!.cancel();
});

test('HEAD of a stream starts nothing', async () => {
  const { fake, api, secret } = open();
  fake.script.isEndless = true;
  const response = await api.app.request('/api/v1/apps/blog/logs?follow=true', {
    method: 'HEAD',
    headers: { authorization: `Bearer ${secret}` },
  });
  assert.equal(response.status, 200);
  assert.equal(response.body, null);
});

const options: StreamOptions = {
  signal: new AbortController().signal,
  beatMs: 60_000,
  graceMs: 20,
  check: () => {},
  toEvent: () => ({ event: 'error', data: null }),
  onEnd: () => {},
};

test('nothing is asked of the source that the reader has not taken', async () => {
  let given = 0;
  let isEnded = false;
  async function* numbers(): AsyncGenerator<StreamEvent> {
    try {
      for (;;) {
        given += 1;
        yield { event: 'n', data: given };
      }
    } finally {
      isEnded = true;
    }
  }
  const body = await openStream(numbers, options);
  const reader = body.getReader();
  for (let n = 0; n < 5; n += 1) await reader.read();
  assert.ok(given <= 6, `${given} were asked for`);
  await reader.cancel();
  await new Promise(setImmediate);
  assert.equal(isEnded, true);
});

test('a source that ignores its signal does not hold the stream open', async () => {
  const client = new AbortController();
  const source = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) });
  const body = await openStream(source, { ...options, signal: client.signal });
  const reading = body.getReader().read();
  client.abort();
  assert.deepEqual(await reading, { value: undefined, done: true });
});

test('behind a Unix socket a client that leaves ends the source', async () => {
  const { fake, api, secret } = open();
  fake.script.isEndless = true;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const logs = fake.logs;
  fake.logs = (principal, app, wanted, signal) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    return logs(principal, app, wanted, signal);
  };
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-api-'));
  const socketPath = join(folder, 'control.sock');
  const server = createServer(getRequestListener(api.fetch, { overrideGlobalObjects: false }));
  try {
    server.listen(socketPath);
    await once(server, 'listening');
    const headers = { host: 'lockstep.localhost', authorization: `Bearer ${secret}` };
    const client = request({ socketPath, path: '/api/v1/apps/blog/logs?follow=true', headers });
    client.on('error', () => {});
    client.end();
    const [response] = await once(client, 'response');
    assert.equal(response.statusCode, 200);
    const [chunk] = await once(response, 'data');
    assert.match(String(chunk), /^event: log\ndata: /);
    client.destroy();
    await aborted;
    const large = request({
      socketPath,
      path: '/api/v1/apps/blog/restarts',
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
    });
    large.on('error', () => {});
    large.end(' '.repeat(2 * 1024 * 1024));
    const [refusal] = await once(large, 'response');
    assert.equal(refusal.statusCode, 413);
    refusal.resume();
    await once(refusal, 'end');
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
