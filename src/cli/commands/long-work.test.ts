import assert from 'node:assert/strict';
import { test } from 'node:test';
import { end, started } from '../fake-documents.ts';
import { withServer } from '../fake-place.ts';
import { sendEvents } from '../fake-server.ts';

test(
  'rollback follows to the end and says what is live',
  withServer(
    {
      'POST /api/v1/apps/blog/rollbacks': (_, response) => void response.writeHead(202).end(JSON.stringify(started)),
      [`GET ${started.progress}`]: (_, response) =>
        sendEvents(response, [
          ['line', { line: 'switching' }],
          ['end', end],
        ]),
    },
    async ({ place, server }) => {
      const ran = await place.run(['rollback', 'v10', '-a', 'blog', '--config']);
      assert.equal(ran.code, 0, ran.err);
      assert.match(ran.out, /^v12 is live \(rolled back to v10\) in \d+\.\d+ s\n$/);
      assert.equal(ran.err, 'switching\nmain has a new commit: git pull before the next push\n');
      assert.deepEqual(JSON.parse(server.asked[0]!.body), { version: 10, withConfig: true });
      const json = JSON.parse((await place.run(['rollback', '-a', 'blog', '--json'])).out);
      assert.deepEqual(
        { ...json, clientMs: 0, startupMs: 0 },
        { ...end, kind: 'change', id: 'chg_1', clientMs: 0, startupMs: 0 },
      );
      assert.deepEqual(JSON.parse(server.asked[2]!.body), {});
      const begun = await place.run(['rollback', '-a', 'blog', '--no-wait', '--json']);
      assert.deepEqual([begun.code, JSON.parse(begun.out)], [0, started]);
      assert.equal((await place.run(['rollback', 'ten', '-a', 'blog'])).code, 64);
    },
  ),
);

test(
  'long work that fails is exit 1 with its reason',
  withServer(
    {
      'POST /api/v1/apps/blog/restarts': () => started,
      [`GET ${started.progress}`]: (_, response) =>
        sendEvents(response, [['end', { ...end, ok: false, state: 'failed', reason: 'never became healthy' }]]),
    },
    async ({ place }) => {
      const ran = await place.run(['restart', '-a', 'blog']);
      assert.deepEqual([ran.code, ran.out, ran.err], [1, '', ' !     restart failed: never became healthy\n']);
      const json = await place.run(['restart', '-a', 'blog', '--json']);
      assert.deepEqual([json.code, JSON.parse(json.out).ok], [1, false]);
    },
  ),
);

test(
  'progress that breaks in the middle is taken up again, and no line is shown twice',
  withServer({ 'POST /api/v1/apps/blog/restarts': () => started }, async ({ place, server }) => {
    let times = 0;
    server.routes[`GET ${started.progress}`] = (_, response) => {
      times += 1;
      const lines: [string, unknown][] = [
        ['line', { line: 'one' }],
        ['line', { line: 'two' }],
        ['line', { line: 'three' }],
      ];
      if (times === 1) sendEvents(response, lines.slice(0, 2), true);
      else if (times === 2) sendEvents(response, [['error', { code: 'agent-away', detail: 'the agent restarts' }]]);
      else sendEvents(response, [...lines, ['end', end]]);
    };
    const ran = await place.run(['restart', '-a', 'blog']);
    assert.deepEqual([ran.code, times], [0, 3]);
    assert.deepEqual(
      ran.err.split('\n').filter((line) => !line.startsWith('----->')),
      ['one', 'two', 'three', 'main has a new commit: git pull before the next push', ''],
    );
    assert.match(ran.err, /the connection broke; trying again/);
    assert.match(ran.err, /connected again/);
  }),
);

test(
  'a change is sent once more after a broken connection, with the same key, and not a third time',
  withServer({}, async ({ place, server }) => {
    let isBroken = true;
    server.routes['POST /api/v1/apps/blog/restarts'] = (_, response) => {
      if (!isBroken) return started;
      response.destroy();
      isBroken = false;
      return undefined;
    };
    const ran = await place.run(['restart', '-a', 'blog', '--no-wait']);
    assert.equal(ran.code, 0, ran.err);
    const keys = server.asked.map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
    server.routes['POST /api/v1/apps/blog/restarts'] = (_, response) => void response.destroy();
    const lost = await place.run(['restart', '-a', 'blog', '--no-wait']);
    assert.deepEqual([lost.code, server.asked.length, /broke twice/.test(lost.err)], [75, 4, true]);
  }),
);

test(
  'while control restarts a request waits for it',
  withServer({}, async ({ place, server }) => {
    let left = 2;
    const away = {
      title: 'The platform is restarting',
      status: 502,
      detail: 'Try again.',
      code: 'L16',
      requestId: 'r1',
    };
    server.routes['POST /api/v1/apps/blog/restarts'] = (_, response) => {
      left -= 1;
      if (left < 0) return started;
      response.writeHead(502, { 'content-type': 'application/problem+json', 'x-lockstep-code': 'L16' });
      return void response.end(JSON.stringify(away));
    };
    const ran = await place.run(['restart', '-a', 'blog', '--no-wait']);
    assert.deepEqual([ran.code, new Set(server.asked.map(({ headers }) => headers['idempotency-key'])).size], [0, 1]);
  }),
);

test(
  'config shows names, sets and unsets values, and reads them from standard input',
  withServer(
    {
      'GET /api/v1/apps/blog/config': ({ path }) => ({
        version: 3,
        entries: { KEY: path.includes('reveal=true') ? 'v\n2' : null },
      }),
      'PATCH /api/v1/apps/blog/config': () => ({ version: 4, started: null }),
    },
    async ({ place, server }) => {
      assert.equal((await place.run(['config', '-a', 'blog'])).out, 'KEY  (hidden)\n');
      assert.equal((await place.run(['config', '-a', 'blog', '--reveal'])).out, 'KEY  "v\\n2"\n');
      assert.equal((await place.run(['config', 'get', 'KEY', '-a', 'blog'])).out, 'v\n2\n');
      assert.equal((await place.run(['config', 'get', 'OTHER', '-a', 'blog'])).code, 66);
      const stdin = '# comment\nexport A="x y"\n\nB=1=2\r\n';
      const set = await place.run(['config', 'set', '-a', 'blog', '--file', '-', 'C= c'], { stdin });
      assert.equal(set.code, 0, set.err);
      assert.deepEqual(JSON.parse(server.asked.at(-1)!.body), { set: { A: 'x y', B: '1=2', C: ' c' } });
      await place.run(['config', 'unset', 'A', 'B', '-a', 'blog']);
      assert.deepEqual(JSON.parse(server.asked.at(-1)!.body), { unset: ['A', 'B'] });
      const count = server.asked.length;
      for (const bad of ['A', '1A=x', 'PORT=1', 'LOCKSTEP_X=1', '=x']) {
        assert.equal((await place.run(['config', 'set', bad, '-a', 'blog'])).code, 64, bad);
      }
      assert.equal((await place.run(['config', 'set', '-a', 'blog'])).code, 64);
      assert.equal(server.asked.length, count);
    },
  ),
);
