// The registry of one's own, request by request, on a real `lockstep up` with a real docker-registry and no container engine: who may do what by
// the registry's own judgement as well as ours, what is heard of pushes, and what becomes of the disk.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, globSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Answer, ask, basic, imageKind, indexKind, RawRegistry } from './support/raw-registry.ts';
import { type Json, Stage } from './support/stage.ts';
import { until } from './support/until.ts';

const program = '/usr/bin/docker-registry';
const skip = existsSync(program) ? false : 'no docker-registry: LOCKSTEP_TEST_ENGINE=install npm test';
const env = { LOCKSTEP_REGISTRY: 'on', LOCKSTEP_ENGINE: '/nonexistent/docker.sock' };

const isDigest = (pushed: string | Answer): string => {
  assert.ok(typeof pushed === 'string', typeof pushed === 'string' ? '' : `${pushed.status} ${pushed.body}`);
  return pushed;
};
const statusOf = (pushed: string | Answer): number => (typeof pushed === 'string' ? 201 : pushed.status);

test('the registry of one’s own: tokens that it verifies itself, public and private, its own notices, quotas, a flat disk', {
  skip,
}, async () => {
  await using stage = await Stage.open(env);
  const done = async (...words: string[]): Promise<string> => {
    const ended = await stage.lockstep(words);
    assert.equal(ended.code, 0, `${words.join(' ')}: ${ended.stderr}${ended.stdout}`);
    return ended.stdout.trim();
  };
  for (const app of ['web', 'shop']) await done('create', app, '--no-remote');
  const secretOf = (name: string, rights: string, app: string) =>
    done('tokens', 'create', name, '--rights', rights, '--apps', app);
  const of = (secret: string | null) => new RawRegistry(stage.port, secret);
  const secrets = {
    ci: await secretOf('ci', 'read,deploy', 'web'),
    reader: await secretOf('reader', 'read', 'web'),
    shop: await secretOf('shop', 'read,deploy', 'shop'),
  };
  const [ci, reader, shop, owner, nobody] = [
    ...[of(secrets.ci), of(secrets.reader), of(secrets.shop), of(stage.token), of(null)],
  ] as const;
  const socketPath = join(stage.home, 'registry', 'sock');
  const record = join(stage.home, 'registry', 'process.json');
  /** null: it is between two. */
  const pid = (): number | null => {
    try {
      return JSON.parse(readFileSync(record, 'utf8'))?.pid ?? null;
    } catch {
      return null;
    }
  };
  const serves = (what: string) => until(what, async () => (await owner.has('web', 'none')) === 404, 60_000);
  await serves('the registry serves');

  // A push, and who may not.
  const first = isDigest(await ci.push('web', 'latest'));
  assert.equal(statusOf(await reader.push('web', 'latest')), 401);
  assert.equal(statusOf(await shop.push('web', 'latest')), 401);
  assert.equal(statusOf(await nobody.push('web', 'latest')), 401);
  assert.deepEqual(
    [await reader.has('web', first), await shop.has('web', first), await nobody.has('web', first)],
    [...[200, 401, 401]],
  );
  assert.equal((await of('lst_wrong').token('repository:web:pull')).status, 401);

  // What a token allows is what it says, and the registry holds to it by itself: this is its own socket, behind our back.
  const { token } = await ci.token('repository:web:pull,push', 'repository:shop:pull,push');
  const said = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'));
  assert.deepEqual(said.access, [{ type: 'repository', name: 'web', actions: ['pull', 'push'] }]);
  const direct = async (authorization: string, path: string, method = 'GET'): Promise<number> =>
    (await ask({ socketPath }, method, path, { headers: { authorization, accept: imageKind } })).status;
  const image = `/v2/web/manifests/${first}`;
  assert.equal(await direct(`Bearer ${token}`, image), 200);
  assert.equal(await direct('', image), 401);
  assert.equal(await direct(basic(secrets.ci), image), 401);
  assert.equal(await direct(`Bearer ${secrets.ci}`, image), 401);
  assert.equal(await direct(`Bearer ${token}`, '/v2/shop/tags/list'), 401);
  assert.equal(await direct(`Bearer ${token}`, '/v2/_catalog'), 401);
  assert.equal(await direct(`Bearer ${token}`, image, 'DELETE'), 401);
  const [head, claims, signature] = token.split('.');
  const wider = Buffer.from(JSON.stringify({ ...said, access: [{ ...said.access[0], name: 'shop' }] })).toString(
    'base64url',
  );
  const forged = [`${head}.${wider}.${signature}`, `${head}.${claims}.${'A'.repeat(86)}`];
  for (const one of forged) {
    assert.equal(await direct(`Bearer ${one}`, '/v2/shop/tags/list'), 401);
    const answer = await ask({ port: stage.port }, 'GET', '/v2/shop/tags/list', {
      headers: { authorization: `Bearer ${one}` },
    });
    assert.equal(answer.status, 401);
  }
  const telling = { headers: { authorization: `Bearer ${token}` }, body: '{"events":[]}' };
  assert.equal((await ask({ port: stage.port }, 'POST', '/v2/_notices', telling)).status, 401);

  // Public is for pulls, and for this repository.
  await done('registry', 'public', 'web');
  isDigest(await ci.push('web/api', 'latest'));
  assert.deepEqual([await nobody.has('web', first), await shop.has('web', first)], [200, 200]);
  assert.equal(await nobody.has('web/api', 'latest'), 401);
  assert.equal(statusOf(await nobody.push('web', 'latest')), 401);
  assert.equal(statusOf(await shop.push('web', 'latest')), 401);
  assert.equal((await stage.lockstep(['registry', 'public', 'nobody'])).code, 66);
  await done('registry', 'private', 'web');
  assert.deepEqual([await nobody.has('web', first), await shop.has('web', first)], [401, 401]);

  // The registry tells, and control looks; without an engine that is all it can do.
  const looks = async (): Promise<Json[]> =>
    (await stage.api('/events?limit=200')).body.items.filter(({ type }: Json) => type === 'image.looked');
  await until('the push was heard', async () => (await looks()).some(({ actor }) => actor === 'ci'), 30_000);

  // More than it may be.
  await done('registry', 'quota', '1MB', '-a', 'web');
  const tooMuch = await ci.push('web', 'large', randomBytes(2 * 1024 ** 2));
  assert.ok(typeof tooMuch !== 'string');
  assert.equal(tooMuch.status, 413, tooMuch.body);
  assert.match(JSON.parse(tooMuch.body).errors[0].message, /quota: the images of web would hold more/);
  isDigest(await shop.push('shop', 'large', randomBytes(2 * 1024 ** 2)));
  isDigest(await ci.push('web', 'small', randomBytes(100_000)));
  await done('registry', 'quota', 'usual', '-a', 'web');

  // Image upon image under one tag: what nothing names goes, an index keeps what it names.
  const child = isDigest(await ci.push('web', null, randomBytes(50_000)));
  const index = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: indexKind },
    manifests: [{ mediaType: imageKind, size: 400, digest: child, platform: { architecture: 'amd64', os: 'linux' } }],
  });
  assert.equal((await ci.manifest('web', 'multi', indexKind, index)).status, 201);
  const orphan = isDigest(await ci.push('web', null));
  const waits = await stage.lockstep(['registry', 'tidy', '--json']);
  assert.equal(JSON.parse(waits.stdout).error.code, 'busy', 'an image without a tag yet is one on its way');
  isDigest(await ci.push('web', 'latest'));
  const data = join(stage.home, 'registry', 'data');
  const onDisk = () => {
    const files = globSync('**/*', { cwd: data }).map((path) => lstatSync(join(data, path)));
    const plain = files.filter((one) => one.isFile());
    return { files: plain.length, bytes: plain.reduce((sum, one) => sum + one.size, 0) };
  };
  await done('registry', 'tidy');
  await serves('the registry serves again');
  assert.deepEqual(
    [await owner.has('web', 'multi'), await owner.has('web', child), await owner.has('web', orphan)],
    [...[200, 200, 404]],
  );
  const flat = onDisk();
  for (let n = 0; n < 8; n += 1) isDigest(await ci.push('web', 'latest', randomBytes(200_000)));
  assert.ok(onDisk().bytes > flat.bytes + 8 * 200_000);
  // Who comes while it is tidied waits, and is not refused.
  const [freed, ...seen] = await Promise.all([
    done('registry', 'tidy', '--json'),
    ...Array.from({ length: 10 }, () => owner.has('web', 'multi')),
  ]);
  assert.deepEqual([...new Set(seen)], [200]);
  assert.equal(JSON.parse(freed).images, 8);
  const after = onDisk();
  assert.ok(Math.abs(after.bytes - flat.bytes) < 210_000, `${flat.bytes} bytes, then ${after.bytes}`);
  assert.equal(after.files, flat.files);

  // A push while control is gone: the registry tells again until somebody is there to hear it.
  const { token: pass } = await ci.token('repository:web:pull,push');
  const { body: known } = await ci.ask('GET', '/v2/web/manifests/multi', {
    ...{ scope: 'repository:web:pull', headers: { accept: indexKind } },
  });
  const heard = (await looks()).length;
  process.kill(stage.pids().control, 'SIGKILL');
  const put = await ask({ socketPath }, 'PUT', '/v2/web/manifests/latest', {
    ...{ headers: { authorization: `Bearer ${pass}`, 'content-type': indexKind }, body: known },
  });
  assert.equal(put.status, 201, put.body);
  await until('control is back', async () => (await stage.api('/apps').catch(() => null))?.status === 200, 60_000);
  await until('the push was heard', async () => (await looks()).length > heard, 60_000);

  // A push of which nobody told, as the disk has it when the registry was killed between keeping and telling.
  isDigest(await ci.push('web', 'small'));
  const found = async () => (await looks()).filter(({ actor }) => actor === 'lockstep').length;
  const before = await found();
  const tags = join(data, 'docker', 'registry', 'v2', 'repositories', 'web', '_manifests', 'tags');
  copyFileSync(join(tags, 'small', 'current', 'link'), join(tags, 'latest', 'current', 'link'));
  const killed = pid();
  assert.ok(killed !== null);
  process.kill(killed, 'SIGKILL');
  // Whatever is told late of the pushes before: it was found by who compares tags, and once there is another registry.
  const isFound = async () => pid() !== killed && pid() !== null && (await found()) > before;
  await until('the lost push was found', isFound, 60_000);

  // Into a backup while it serves, and out of it.
  const file = join(stage.folder, 'backup');
  const made = JSON.parse(await done('backup', file, '--home', stage.home, '--json'));
  assert.deepEqual(made.notes, []);
  const home = join(stage.folder, 'restored');
  await done('restore', file, '--home', home);
  const filesOf = (of: string) =>
    globSync('registry/data/docker/registry/v2/{blobs,repositories}/**', { cwd: of, withFileTypes: true })
      .filter((one) => one.isFile() && !one.parentPath.includes('_uploads'))
      .map((one) => join(one.parentPath, one.name));
  const [kept, back] = [filesOf(stage.home), filesOf(home)];
  assert.equal(back.length, made.images.files);
  assert.deepEqual(
    back.map((path) => path.slice(home.length)).sort(),
    kept.map((path) => path.slice(stage.home.length)).sort(),
  );
  for (const path of back) assert.equal(lstatSync(path).uid, lstatSync(`${stage.home}${path.slice(home.length)}`).uid);

  // What is destroyed is gone for whoever has the name next.
  const old = isDigest(await ci.push('web', 'v1'));
  await done('destroy', '-a', 'web', '--yes');
  await done('create', 'web', '--no-remote');
  await until('the old images are gone', async () => (await owner.has('web', 'v1')) === 404, 60_000);
  assert.equal(await owner.has('web', old), 404);
  assert.equal(await nobody.has('web', old), 401);
  await done('registry', 'tidy');
  await serves('the registry serves at last');
  assert.deepEqual(globSync('docker/registry/v2/repositories/*', { cwd: data }), [
    'docker/registry/v2/repositories/shop',
  ]);
  assert.equal(JSON.parse(await done('registry', 'images', '-a', 'shop', '--json')).repositories[0].name, 'shop');
  const logs = ['control', 'registry', 'agent'].map((name) =>
    readFileSync(join(stage.home, 'logs', `${name}.log`), 'utf8'),
  );
  const trust = JSON.parse(readFileSync(join(stage.home, 'control', 'registry-trust.json'), 'utf8'));
  for (const secret of [...Object.values(secrets), trust.noticeSecret, token, pass])
    assert.ok(!logs.join('').includes(secret), 'a secret is in a log');
});
