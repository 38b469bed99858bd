import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withServer } from '../fake-place.ts';
import { type FakeRoute, sendEvents } from '../fake-server.ts';

const runRoutes = (result: object): Record<string, FakeRoute> => ({
  'POST /api/v1/apps/blog/runs': () => ({ id: 'job_1', output: '/api/v1/apps/blog/runs/job_1/output' }),
  'GET /api/v1/apps/blog/runs/job_1/output': (_, response) =>
    sendEvents(response, [
      ['line', { line: 'hello' }],
      ['result', result],
    ]),
});

for (const [name, result, code] of [
  ['its exit code', { endedBy: 'exit', exitCode: 7, signal: null }, 7],
  ['success', { endedBy: 'exit', exitCode: 0, signal: null }, 0],
  ['a signal as a shell says it', { endedBy: 'exit', exitCode: null, signal: 'SIGTERM' }, 143],
  ['the deadline as a failure', { endedBy: 'deadline', exitCode: null, signal: 'SIGKILL' }, 137],
  ['a lost run as a failure', { endedBy: 'lost', exitCode: 0, signal: null }, 1],
] as const) {
  test(
    `run passes on ${name}`,
    withServer(runRoutes(result), async ({ place, server }) => {
      const ran = await place.run(['run', '-a', 'blog', 'echo', '-n', 'hello']);
      assert.deepEqual([ran.code, ran.out], [code, 'hello\n']);
      assert.deepEqual(JSON.parse(server.asked[0]!.body), { argv: ['echo', '-n', 'hello'] });
    }),
  );
}

test(
  'Ctrl-C cancels a run at the server and waits for its end',
  withServer({ 'POST /api/v1/apps/blog/runs': () => ({ id: 'job_1', output: '/out' }) }, async ({ place, server }) => {
    let interrupt = (): void => {};
    let finish = (): void => {};
    server.routes['GET /out'] = (_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('event: line\ndata: {"line":"working"}\n\n');
      finish = () =>
        void response.end('event: result\ndata: {"endedBy":"cancelled","exitCode":null,"signal":"SIGTERM"}\n\n');
      interrupt();
    };
    server.routes['DELETE /api/v1/apps/blog/runs/job_1'] = (_, response) => {
      response.writeHead(204).end();
      finish();
    };
    const ran = await place.run(['run', '-a', 'blog', 'sleep', '60'], {
      interrupt: (handler) => {
        interrupt = handler;
      },
    });
    assert.equal(ran.code, 143);
    assert.match(ran.err, /cancelling/);
    assert.ok(server.asked.some(({ method }) => method === 'DELETE'));
  }),
);

test(
  'logs are printed whole, followed over a broken connection, and ended by Ctrl-C',
  withServer({}, async ({ place, server }) => {
    const line = (atMs: number, text: string) => ({
      atMs,
      instanceId: 'ins_1',
      type: 'web',
      release: 'v1',
      line: text,
    });
    let stop = (): void => {};
    let times = 0;
    server.routes['GET /api/v1/apps/blog/logs'] = ({ path }, response) => {
      if (!path.includes('follow')) return { items: [line(0, 'a')], next: null };
      times += 1;
      if (times === 1)
        return sendEvents(
          response,
          [
            ['log', line(1, 'a')],
            ['log', line(2, 'b')],
          ],
          true,
        );
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const item of [line(1, 'a'), line(2, 'b'), line(3, 'c')])
        response.write(`event: log\ndata: ${JSON.stringify(item)}\n\n`);
      return undefined;
    };
    const once = await place.run(['logs', '-a', 'blog', '-n', '5']);
    assert.equal(once.out, '1970-01-01T00:00:00.000Z web[v1] a\n');
    assert.match(server.asked[0]!.path, /\?lines=5$/);
    const ran = await place.run(['logs', '-a', 'blog', '-f', '--json'], {
      interrupt: (handler) => {
        stop = handler;
      },
      onOut: (text) => {
        if (text.includes('"c"')) stop();
      },
    });
    const shown = ran.out
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).line);
    assert.deepEqual([ran.code, shown], [0, ['a', 'b', 'c']]);
  }),
);
