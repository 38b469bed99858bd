// The demo's own instruments, against a stub: what a poller counts as a failure, and that it can fail; and what it says where it cannot begin.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Answer } from '../scripts/demo/ask.ts';
import { Poller, watchFor } from '../scripts/demo/poller.ts';
import { isSamePage, type Page, readPage, Timeline } from '../scripts/demo/timeline.ts';
import { root } from './support/stage.ts';

const [a, b, c]: Page[] = ['A', 'B', 'C'].map((headline) => ({ headline, lead: 'words' })) as [Page, Page, Page];
const html = (page: Page) => `<html><h1>${page.headline}</h1>\n<p class="lead">${page.lead}</p></html>`;

async function stub(listener: RequestListener) {
  const connections = { count: 0 };
  const server = createServer(listener).on('connection', () => {
    connections.count += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: { port: (server.address() as AddressInfo).port, host: 'app.localhost', path: '/' },
    connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a page is right when it is expected, and never an older one after a newer one', () => {
  const timeline = new Timeline();
  const judge = (page: Page, startedAt: number, endedAt: number, status = 200): string | null =>
    timeline.judge({ status, body: html(page), startedAt, firstByteAt: endedAt, endedAt } satisfies Answer);
  timeline.expect(a, 0);
  assert.equal(judge(a, 1, 2), null);
  assert.match(judge(b, 3, 4)!, /never/);
  timeline.expect(b, 10);
  assert.equal(judge(a, 11, 12), null);
  assert.equal(judge(b, 13, 15), null);
  assert.equal(judge(a, 14, 16), null, 'it began before the newer page was seen');
  assert.match(judge(a, 16, 17)!, /older page/);
  timeline.expect(a, 20); // a rollback
  assert.equal(judge(b, 21, 22), null);
  assert.equal(judge(a, 23, 24), null);
  assert.match(judge(b, 25, 26)!, /older page/);
  assert.equal(judge(a, 27, 28), null);
  assert.match(judge(c, 29, 30)!, /never/);
  assert.match(judge(a, 31, 32, 503)!, /status 503/);
});

test('a page is read only when it is whole', () => {
  assert.deepEqual(readPage(html(a)), a);
  assert.equal(readPage(html(a).replace('</html>', '')), null);
  assert.equal(readPage('<h1>502</h1>'), null);
  assert.ok(isSamePage(a, { ...a }) && !isSamePage(a, b) && !isSamePage(null, null));
});

test('the poller keeps its rate, half on fresh connections, and counts every kind of failure', async () => {
  let count = 0;
  await using site = await stub((request, response) => {
    count += 1;
    if (count === 10) request.socket.destroy();
    else if (count === 20) response.writeHead(502).end('bad gateway');
    else if (count === 30) response.end(html(b));
    else if (count === 40)
      response.writeHead(200, { 'content-length': '1000' }).end('half', () => request.socket.destroy());
    else response.end(html(a));
  });
  const timeline = new Timeline();
  timeline.expect(a);
  const poller = new Poller(site.address, timeline, 100);
  while (count < 100) await pause(5);
  const report = await poller.stop();
  assert.equal(report.failed, 4, report.problems.join('\n'));
  assert.ok(report.requests >= 100 && report.perSecond > 50);
  assert.ok(site.connections.count > report.requests / 2 - 2 && site.connections.count < report.requests * 0.75);
  assert.equal((await poller.stop()).requests, report.requests);
});

test('the watch sees the first answer with the new page, and gives up with its signal', async () => {
  let count = 0;
  await using site = await stub((_request, response) => {
    count += 1;
    if (count < 3) response.writeHead(503).end('none yet');
    else response.end(html(count < 6 ? a : b));
  });
  const seen: number[] = [];
  const at = await watchFor(b, site.address, AbortSignal.timeout(10_000), ({ status }) => seen.push(status));
  assert.ok(at <= performance.timeOrigin + performance.now());
  assert.deepEqual(seen, [503, 503, 200, 200, 200, 200]);
  await assert.rejects(watchFor(c, site.address, AbortSignal.timeout(50)));
});

test('a demo in containers without an engine says what to do, and its figures have the same shape', async () => {
  const demo = join(root, 'scripts', 'demo.ts');
  const run = (words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) =>
      execFile(
        process.execPath,
        [demo, ...words],
        { env: { ...process.env, LOCKSTEP_TEST_ENGINE: '', LOCKSTEP_ENGINE: '/nowhere/engine.sock' } },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      ),
    );
  const { code, stdout, stderr } = await run(['--runtime', 'docker', '--json']);
  assert.equal(code, 1);
  assert.match(stderr, /there is no \/nowhere\/engine\.sock/);
  assert.match(stderr, /apt install docker\.io/);
  assert.match(stderr, /LOCKSTEP_TEST_ENGINE=install npm run demo -- --runtime docker/);
  const figures = ['firstPushMs', 'pushToLiveMs', 'mergeToLiveMs', 'styleRejectMs', 'testRejectMs', 'rollbackMs'];
  const shape = ['ok', ...figures, 'requests', 'failedRequests', 'url'];
  assert.deepEqual(Object.keys(JSON.parse(stdout)), shape);
  assert.equal(JSON.parse(stdout).ok, false);
  const wrong = await run(['--runtime', 'podman']);
  assert.deepEqual([wrong.code, /--runtime podman: it is process or docker/.test(wrong.stdout)], [64, true]);
});
