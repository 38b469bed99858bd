// What a git client never or seldom sends, by hand: cut, slow, packed, too large, not git at all.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { clientEnv, stageGitHttp as stage } from '../../test/stages/git-http.ts';
import { run } from '../exec/exec.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';

/** A request by hand; `send` writes the body. Resolves with the answer's head. */
function post(
  url: string,
  service: string,
  headers: Record<string, string>,
  send: (request: ReturnType<typeof httpRequest>) => void,
) {
  const request = httpRequest(`${url}/${service}`, {
    method: 'POST',
    headers: { 'content-type': `application/x-${service}-request`, ...headers },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  answer.catch(() => {});
  send(request);
  return { request, answer };
}

async function textOf(answer: Promise<IncomingMessage>): Promise<[number, string]> {
  const response = await answer;
  let text = '';
  for await (const chunk of response.setEncoding('latin1')) text += chunk;
  return [response.statusCode!, text];
}

test('a gzipped push is stored, and a broken gzip leaves nothing', async () => {
  await using s = await stage();
  await s.commit(randomBytes(200_000));
  const gzip = { 'content-encoding': 'gzip' };
  const body = gzipSync(await s.pushBody('packed'));
  const broken = Buffer.concat([body.subarray(0, 50_000), Buffer.alloc(100), body.subarray(50_100)]);
  for (const wrong of [broken, body.subarray(0, 50_000), randomBytes(100)]) {
    await textOf(post(s.url, 'git-receive-pack', gzip, (request) => request.end(wrong)).answer);
    assert.deepEqual((await readdir(join(s.repository.path, 'objects'))).sort(), ['info', 'pack']);
  }
  const [status, said] = await textOf(post(s.url, 'git-receive-pack', gzip, (request) => request.end(body)).answer);
  assert.deepEqual([status, said.includes('unpack ok')], [200, true]);
  assert.ok(await s.isStored('packed'));
});

test('a body over the limit is answered with 413 and leaves nothing, gzipped or not', async () => {
  await using s = await stage(undefined, 100_000);
  await s.commit(randomBytes(2_000_000));
  const body = await s.pushBody('big');
  for (const [headers, sent] of [
    [{}, body],
    [{ 'content-encoding': 'gzip' }, gzipSync(body)],
  ] as const) {
    const [status, said] = await textOf(post(s.url, 'git-receive-pack', headers, (r) => r.end(sent)).answer);
    assert.deepEqual([status, said], [413, 'a request may hold at most 100000 bytes; push fewer commits at a time\n']);
  }
  const pushed = await s.git('push', 'origin', 'main:big');
  assert.match(pushed.stderr, /HTTP 413/);
  assert.ok(!(await s.isStored('big')));
  assert.deepEqual((await readdir(join(s.repository.path, 'objects'))).sort(), ['info', 'pack']);
});

test('an upload that is cut off leaves nothing, and the same push works afterwards', { timeout: 20_000 }, async () => {
  await using s = await stage();
  await s.commit(randomBytes(1_000_000));
  const body = await s.pushBody('cut');
  for (const length of [20, 400_000, body.length - 1]) {
    const { request } = post(s.url, 'git-receive-pack', { 'content-length': String(body.length) }, (one) => {
      one.on('error', () => {});
      one.write(body.subarray(0, length), () => one.destroy());
    });
    await new Promise((resolve) => request.once('close', resolve));
    while (s.state.served.length === 0) await nextTurn();
    assert.equal((await s.state.served.pop()!).isDisconnected, true);
    assert.deepEqual((await readdir(join(s.repository.path, 'objects'))).sort(), ['info', 'pack']);
    assert.ok(!(await s.isStored('cut')));
  }
  assert.equal((await s.git('push', 'origin', 'main:cut')).code, 0);
});

test('a slow push of many small chunks is stored', { timeout: 20_000 }, async () => {
  await using s = await stage();
  await s.commit(randomBytes(20_000));
  const body = await s.pushBody('slow');
  const { request, answer } = post(s.url, 'git-receive-pack', {}, (one) => one.setNoDelay(true));
  for (let at = 0; at < body.length; at += 17) {
    request.write(body.subarray(at, at + 17));
    await nextTurn();
  }
  request.end();
  assert.match((await textOf(answer))[1], /unpack ok/);
  assert.ok(await s.isStored('slow'));
});

test('git is killed when the client goes in the middle of a fetch', { timeout: 20_000 }, async () => {
  await using s = await stage();
  await s.git('config', 'core.compression', '0');
  const id = await s.commit(randomBytes(20_000_000));
  await s.git('push', 'origin', 'main');
  const wanted = Buffer.concat([encodePkt(`want ${id}\n`), flushPkt, encodePkt('done\n')]);
  const { request, answer } = post(s.url, 'git-upload-pack', {}, (one) => one.end(wanted));
  request.on('error', () => {});
  const response = (await answer).on('error', () => {});
  await new Promise((resolve) => response.once('readable', resolve));
  response.destroy();
  const { code, isDisconnected } = await s.state.served.at(-1)!;
  assert.deepEqual([code, isDisconnected], [null, true]);
});

test('a fetch speaks protocol 2, also with a body that git gzips, and an older one', async () => {
  await using s = await stage();
  await s.commit('0');
  await s.git('push', 'origin', 'main');
  const clone = join(s.folder, 'clone');
  await run(['git', 'clone', '-q', s.url, clone], { env: clientEnv, okCodes: [0] });
  assert.ok(s.state.protocols.has('version=2'));
  // Many commits that only the clone has: its list of them is long enough for git to gzip it.
  const stream = Array.from(
    { length: 300 },
    (_, at) => `commit refs/heads/own\ncommitter a <a@b> ${at} +0000\ndata 0\n`,
  );
  await run(['git', '-C', clone, 'fast-import', '--quiet'], { env: clientEnv, input: stream.join(''), okCodes: [0] });
  const id = await s.commit('1');
  await s.git('push', 'origin', 'main');
  for (const version of ['2', '0']) {
    const fetch = ['git', '-C', clone, '-c', `protocol.version=${version}`, 'fetch', '-q', 'origin'];
    const fetched = await run(fetch, { env: clientEnv });
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.equal((await run(['git', '-C', clone, 'rev-parse', 'origin/main'], { env: clientEnv })).stdout.trim(), id);
    await run(['git', '-C', clone, 'update-ref', '-d', 'refs/remotes/origin/main'], { env: clientEnv });
  }
});

test('what is not of git gets a short answer: type, encoding, garbage', async () => {
  await using s = await stage();
  const answers = async (headers: Record<string, string>, body: string | Buffer, service = 'git-upload-pack') =>
    textOf(post(s.url, service, headers, (request) => request.end(body)).answer);
  assert.deepEqual(await answers({ 'content-type': 'text/plain' }, 'x'), [
    415,
    'this address takes application/x-git-upload-pack-request\n',
  ]);
  assert.equal((await answers({ 'content-type': 'application/x-git-receive-pack-request' }, 'x'))[0], 415);
  assert.equal((await answers({ 'content-encoding': 'br' }, 'x'))[0], 415);
  for (const service of ['git-upload-pack', 'git-receive-pack'])
    for (const body of ['', 'garbage', 'fffffffff', `0032want ${'1'.repeat(40)}\n00000009done\n`]) {
      const [status] = await answers({}, body, service);
      assert.ok([200, 500].includes(status), `${service} ${body}: ${status}`);
    }
});
