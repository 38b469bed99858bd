import assert from 'node:assert/strict';
import { test } from 'node:test';
import { app, status } from '../fake-documents.ts';
import { git, withServer } from '../fake-place.ts';
import { problem } from '../fake-server.ts';

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
  'open --print prints the address and starts nothing',
  withServer({ 'GET /api/v1/apps/blog': () => app('http://x') }, async ({ place }) => {
    assert.deepEqual(await place.run(['open', '-a', 'blog', '--print']), {
      code: 0,
      out: 'http://blog.localhost:8080\n',
      err: '',
    });
  }),
);

test('open --docs is the documentation of what is live, and says when there is none', async () => {
  const docsUrl = 'http://docs--blog.localhost:8080';
  const withDocs = { 'GET /api/v1/apps/blog': () => app('http://x', { docsUrl }) };
  await withServer(withDocs, async ({ place }) => {
    assert.equal((await place.run(['open', '-a', 'blog', '--docs', '--print'])).out, `${docsUrl}\n`);
  })();
  await withServer({ 'GET /api/v1/apps/blog': () => app('http://x') }, async ({ place }) => {
    const { code, out, err } = await place.run(['open', '-a', 'blog', '--docs', '--print']);
    assert.deepEqual([code === 0, out], [false, '']);
    assert.match(err, /has no documentation/);
  })();
});

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
