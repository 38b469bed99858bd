import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FakeRoute, type FakeServer, makePlace, problem, sendEvents, startFakeServer } from './fake-server.ts';

const app = (url: string, more: object = {}) => ({
  id: 'app_1',
  name: 'blog',
  mainBranch: null,
  hosts: ['blog.localhost'],
  url: 'http://blog.localhost:8080',
  gitUrl: `${url}/blog.git`,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...more,
});
const started = { kind: 'change', id: 'chg_1', progress: '/api/v1/apps/blog/progress/chg_1' };
const end = { ok: true, state: 'landed', reason: null, version: 12, durationMs: 80 };
const status = (state: string) => ({
  app: 'blog',
  state,
  why: 'v12 is live',
  main: null,
  release: null,
  instances: [],
  router: { release: 'v12' },
  url: 'http://blog.localhost:8080',
});

type Place = ReturnType<typeof makePlace>;

/** A test with a server that answers these routes, and a home that knows it. */
function withServer(
  routes: Record<string, FakeRoute>,
  run: (parts: { place: Place; server: FakeServer }) => Promise<void>,
) {
  return async () => {
    const server = await startFakeServer(routes);
    const place = makePlace(server.url);
    try {
      await run({ place, server });
    } finally {
      await server.close();
      place[Symbol.dispose]();
    }
  };
}

const git = (place: Place, ...words: string[]) =>
  execFileSync('git', words, {
    cwd: place.work,
    env: place.env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

for (const [state, code] of [
  ['IN SYNC', 0],
  ['DRIFTED', 1],
  ['DEPLOYING', 1],
  ['EMPTY', 1],
] as const) {
  test(
    `status is the server's document as it is, and exits ${code} when ${state}`,
    withServer({ 'GET /api/v1/apps/blog/status': () => status(state) }, async ({ place, server }) => {
      const ran = await place.run(['status', '-a', 'blog', '--json']);
      assert.deepEqual([ran.code, JSON.parse(ran.out), ran.err], [code, status(state), '']);
      assert.equal(server.asked[0]?.headers.authorization, 'Bearer lst_owner');
      assert.match((await place.run(['status', '-a', 'blog'])).out, new RegExp(`^blog {2}${state} {2}v12 is live\\n`));
    }),
  );
}

test(
  'create makes the app, the remote and git’s access, and then the app is found by the work tree',
  withServer({}, async ({ place, server }) => {
    server.routes['POST /api/v1/apps'] = () => app(server.url);
    server.routes['GET /api/v1/apps/blog/status'] = () => status('IN SYNC');
    git(place, 'init', '-q', '-b', 'master');
    const ran = await place.run(['create', 'blog']);
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.out, /Created blog\n {2}address {6}http:\/\/blog\.localhost:8080\n/);
    assert.match(ran.err, /Deploy with: git push lockstep master/);
    assert.equal(git(place, 'remote', 'get-url', 'lockstep').trim(), `${server.url}/blog.git`);
    assert.deepEqual(JSON.parse(server.asked[0]!.body), { name: 'blog' });
    assert.match(String(server.asked[0]!.headers['idempotency-key']), /^[0-9a-f-]{36}$/);
    assert.equal((await place.run(['status'])).code, 0);
  }),
);

test(
  'create refuses before anything is made: no work tree, another remote, a bad name',
  withServer({ 'POST /api/v1/apps': () => app('http://x') }, async ({ place, server }) => {
    const outside = await place.run(['create', 'blog']);
    assert.deepEqual(
      [outside.code, /is not a git work tree/.test(outside.err), /--no-remote/.test(outside.err)],
      [64, true, true],
    );
    git(place, 'init', '-q');
    git(place, 'remote', 'add', 'lockstep', 'http://user:secret@elsewhere/blog.git');
    const other = await place.run(['create', 'blog', '--json']);
    assert.equal(other.code, 75);
    assert.match(JSON.parse(other.out).error.message, /has a remote "lockstep" already: http:\/\/elsewhere\/blog\.git/);
    assert.doesNotMatch(other.out + other.err, /secret/);
    assert.equal((await place.run(['create', 'Blog!'])).code, 64);
    assert.equal(server.asked.length, 0);
    const without = await place.run(['create', 'blog', '--no-remote', '--main', 'trunk', '--json']);
    assert.deepEqual([without.code, JSON.parse(without.out).remote], [0, null]);
    assert.deepEqual(JSON.parse(server.asked[0]!.body), { name: 'blog', mainBranch: 'trunk' });
  }),
);

test(
  'a refusal of the server keeps its code, message and advice, in both forms',
  withServer(
    { 'POST /api/v1/apps': (_, response) => problem(response, 409, 'name-taken', 'the name "blog" is taken') },
    async ({ place }) => {
      const ran = await place.run(['create', 'blog', '--no-remote', '--json']);
      assert.deepEqual(
        [ran.code, JSON.parse(ran.out)],
        [73, { error: { code: 'name-taken', message: 'the name "blog" is taken', advice: 'Do this.' } }],
      );
      assert.equal(ran.err, ' !     the name "blog" is taken\n       Do this.\n');
    },
  ),
);

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

test(
  'destroy asks for the name, refuses without a terminal, and takes remote and helper back',
  withServer({}, async ({ place, server }) => {
    server.routes['GET /api/v1/apps/blog'] = () => app(server.url);
    server.routes['POST /api/v1/apps'] = () => app(server.url);
    server.routes['DELETE /api/v1/apps/blog'] = (_, response) => void response.writeHead(204).end();
    git(place, 'init', '-q');
    const before = git(place, 'config', '--local', '--list');
    await place.run(['create', 'blog']);
    const deletes = () => server.asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
    const blind = await place.run(['destroy']);
    assert.deepEqual([blind.code, /--yes/.test(blind.err)], [64, true]);
    assert.equal((await place.run(['destroy'], { isTty: true, stdin: 'blgo\n' })).code, 75);
    assert.equal((await place.run(['destroy'], { isTty: true })).code, 75);
    assert.deepEqual(deletes(), []);
    const asked = await place.run(['destroy', '--volumes'], { isTty: true, stdin: 'blog\n' });
    assert.equal(asked.code, 0, asked.err);
    assert.deepEqual(deletes(), ['/api/v1/apps/blog?volumes=true']);
    assert.equal(git(place, 'config', '--local', '--list'), before);
    assert.equal((await place.run(['destroy', '-a', 'blog', '--yes'])).code, 0);
  }),
);

test(
  'tokens are made with rights, apps and an end, and revoked by name',
  withServer(
    {
      'POST /api/v1/tokens': ({ body }) => ({ id: 'tok_1', ...JSON.parse(body), secret: 'lst_new' }),
      'GET /api/v1/tokens': () => ({
        items: ['ci', 'twin', 'twin'].map((name, at) => ({
          id: `tok_${at}`,
          name,
          rights: ['read'],
          appIds: null,
          createdAt: '2026-01-01T00:00:00Z',
          expiresAt: null,
          revokedAt: null,
        })),
        next: null,
      }),
      'DELETE /api/v1/tokens/tok_0': (_, response) => void response.writeHead(204).end(),
    },
    async ({ place, server }) => {
      const made = await place.run([
        'tokens',
        'create',
        'ci',
        '--rights',
        'read,deploy',
        '--apps',
        'a,b',
        '--expires',
        '30d',
      ]);
      assert.deepEqual([made.code, made.out], [0, 'lst_new\n']);
      const { expiresAt, ...body } = JSON.parse(server.asked[0]!.body);
      assert.deepEqual(body, { name: 'ci', rights: ['read', 'deploy'], apps: ['a', 'b'] });
      assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - 30 * 86_400_000) < 60_000);
      assert.match(
        (await place.run(['tokens', 'create', 'ci', '--rights', 'raed'])).err,
        /no right "raed"\n.*Did you mean read/,
      );
      assert.equal((await place.run(['tokens', 'create', 'ci', '--expires', 'soon'])).code, 64);
      assert.equal((await place.run(['tokens', 'revoke', 'ci'])).out, 'ci no longer works\n');
      assert.match((await place.run(['tokens', 'revoke', 'twin'])).err, /2 tokens are named "twin"\n.*tok_1 tok_2/);
      assert.equal((await place.run(['tokens', 'revoke', 'nobody'])).code, 66);
    },
  ),
);

test(
  'login checks the token and keeps it; then the server is found without a home',
  withServer(
    {
      'GET /api/v1/me': ({ headers }, response) =>
        headers.authorization === 'Bearer lst_good'
          ? { name: 'ci', rights: ['read'], apps: null }
          : problem(response, 401, 'unauthenticated', 'this token is not known here'),
    },
    async ({ place, server }) => {
      const { LOCKSTEP_HOME: _, ...env } = place.env;
      const bad = await place.run(['login', server.url], { env, stdin: 'lst_bad\n' });
      assert.deepEqual([bad.code, /not known here/.test(bad.err)], [77, true]);
      const good = await place.run(['login', server.url], { env, stdin: 'lst_good\n' });
      assert.equal(good.out, `Logged in to ${server.url} as ci (read)\n`);
      const file = join(place.folder, 'config', 'lockstep', 'tokens', encodeURIComponent(server.url));
      assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['lst_good\n', 0o600]);
      assert.match((await place.run(['whoami'], { env })).out, /^ci at http:.*: read on every app\n$/);
      writeFileSync(join(place.work, 'token'), 'lst_good');
      assert.equal((await place.run(['login', server.url, '--token-file', 'token', '--json'], { env })).code, 0);
      assert.equal((await place.run(['login', server.url], { env })).code, 64);
      assert.equal((await place.run(['login', 'ftp://h'], { env })).code, 64);
    },
  ),
);

test('push gives git’s own exit code, and pushes by address where there is no remote', async () => {
  const server = await startFakeServer();
  const place = makePlace(server.url);
  using _place = place;
  const bare = join(place.folder, 'origin.git');
  execFileSync('git', ['init', '-q', '--bare', bare]);
  server.routes['GET /api/v1/apps/blog'] = () => app(server.url, { mainBranch: 'trunk' });
  git(place, 'init', '-q', '-b', 'topic');
  git(place, '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'one');
  // git is told to take the folder for the server's address: transport by file, the rest as in life.
  git(place, 'config', `url.${bare}.insteadOf`, `${server.url}/blog.git`);
  const ran = await place.run(['push', '-a', 'blog']);
  assert.equal(ran.code, 0, ran.err);
  const head = (folder: string, ref: string) =>
    execFileSync('git', ['-C', folder, 'rev-parse', ref], { encoding: 'utf8' });
  assert.equal(head(bare, 'refs/heads/trunk'), head(place.work, 'HEAD'));
  assert.equal((await place.run(['push', 'nosuchref', '-a', 'blog'])).code, 1);
  for (const bad of ['+HEAD', 'a:b', 'a..b', 'HEAD^'])
    assert.equal((await place.run(['push', bad, '-a', 'blog'])).code, 64, bad);
  rmSync(join(place.work, '.git'), { recursive: true });
  assert.equal((await place.run(['push', '-a', 'blog'])).code, 64);
  await server.close();
});

test(
  'lists are read page by page',
  withServer(
    {
      'GET /api/v1/apps': ({ path }) => {
        const at = Number(new URL(path, 'http://x').searchParams.get('cursor') ?? 0);
        return { items: [app('http://x', { name: `app${at}` })], next: at < 2 ? String(at + 1) : null };
      },
    },
    async ({ place, server }) => {
      const ran = await place.run(['apps', '--json']);
      assert.deepEqual(
        JSON.parse(ran.out).map(({ name }: { name: string }) => name),
        ['app0', 'app1', 'app2'],
      );
      assert.equal(server.asked.length, 3);
    },
  ),
);

test(
  'open --print prints the address and starts nothing',
  withServer({ 'GET /api/v1/apps/blog': () => app('http://x') }, async ({ place }) => {
    assert.deepEqual(await place.run(['open', '-a', 'blog', '--print']), {
      code: 0,
      out: 'http://blog.localhost:8080\n',
      err: '',
    });
  }),
);

test('when nothing answers, the error says how to start it', async () => {
  const server = await startFakeServer();
  const place = makePlace(server.url);
  using _place = place;
  await server.close();
  const ran = await place.run(['apps', '--json']);
  assert.deepEqual([ran.code, JSON.parse(ran.out).error.code], [75, 'router-away']);
  assert.match(ran.err, /nothing answers at http:\/\/127\.0\.0\.1:\d+\n.*lockstep up/);
});

test(
  'an address that is no Lockstep is named as such',
  withServer(
    { 'GET /api/v1/apps': (_, response) => void response.writeHead(200).end('<html>hello</html>') },
    async ({ place }) => {
      const ran = await place.run(['apps']);
      assert.deepEqual([ran.code, /did not answer in JSON/.test(ran.err)], [70, true]);
    },
  ),
);

test(
  'a remote of another server is not taken for an app of this one',
  withServer({}, async ({ place, server }) => {
    git(place, 'init', '-q');
    git(place, 'remote', 'add', 'lockstep', 'http://127.0.0.1:1/blog.git');
    const ran = await place.run(['status']);
    assert.deepEqual([ran.code, server.asked.length], [64, 0]);
    assert.match(ran.err, /points at http:\/\/127\.0\.0\.1:1, but this command speaks to/);
  }),
);

test(
  'remote points a work tree at an app, follows it to a new address, and leaves what is not its own',
  withServer({}, async ({ place, server }) => {
    server.routes['GET /api/v1/apps/blog'] = () => app(server.url);
    git(place, 'init', '-q');
    git(place, 'remote', 'add', 'lockstep', 'http://127.0.0.1:1/blog.git');
    git(place, 'config', 'credential.http://127.0.0.1:1.helper', 'x');
    const ran = await place.run(['remote', '-a', 'blog']);
    assert.equal(ran.code, 0, ran.err);
    assert.equal(git(place, 'remote', 'get-url', 'lockstep').trim(), `${server.url}/blog.git`);
    assert.doesNotMatch(git(place, 'config', '--local', '--list'), /127\.0\.0\.1:1\b[^:]*\.helper/);
    git(place, 'remote', 'set-url', 'lockstep', 'http://elsewhere/shop.git');
    assert.deepEqual([(await place.run(['remote', '-a', 'blog'])).code, (await place.run(['remote'])).code], [75, 64]);
    assert.equal(git(place, 'remote', 'get-url', 'lockstep').trim(), 'http://elsewhere/shop.git');
  }),
);

test('the program itself runs from anywhere, through a link, and exits with the command’s code', () => {
  const place = makePlace(null);
  using _place = place;
  const link = join(place.folder, 'lockstep');
  symlinkSync(join(import.meta.dirname, '..', '..', 'bin', 'lockstep'), link);
  const start = (...argv: string[]) => spawnSync(link, argv, { cwd: place.work, env: place.env, encoding: 'utf8' });
  assert.match(start('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  const wrong = start('stauts', '--json');
  assert.deepEqual([wrong.status, JSON.parse(wrong.stdout).error.code], [64, 'bad-request']);
  assert.equal(wrong.stderr, ' !     there is no command "stauts"\n       Did you mean: lockstep status\n');
  assert.match(start('apps').stderr, /no Lockstep is running on .*\n.*lockstep up --home '.*ho me'\\''s'\n$/);
});

test('help, versions and --help need no server and no home', async () => {
  const place = makePlace(null);
  using _place = place;
  for (const argv of [
    [],
    ['help'],
    ['--help'],
    ['help', 'config', 'set'],
    ['rollback', '--help'],
    ['--json', 'status', '-h'],
  ]) {
    const ran = await place.run(argv);
    assert.deepEqual([ran.code, ran.err], [0, ''], argv.join(' '));
    assert.match(ran.out, /Usage: lockstep/);
  }
  assert.match((await place.run(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
  assert.match((await place.run(['rollback', '--help'])).out, /Examples:\n {2}lockstep rollback\n/);
});
