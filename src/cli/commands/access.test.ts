import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withServer } from '../fake-place.ts';
import { problem } from '../fake-server.ts';

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
