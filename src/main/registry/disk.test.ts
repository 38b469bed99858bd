// What test/own-registry.test.ts does not come to on a real registry's disk: what is young, what a release holds, what leads elsewhere.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { carryOutOn, diskOrder } from './disk.ts';

function disk() {
  const data = mkdtempSync(join(tmpdir(), 'lockstep-registry-disk-'));
  const root = join(data, 'docker', 'registry', 'v2');
  const write = (path: string, text: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    return join(root, path);
  };
  const image = (repository: string, text: string, tag: string | null = null, ageMs = 3_600_000): string => {
    const hex = createHash('sha256').update(text).digest('hex');
    write(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, text);
    const link = write(`repositories/${repository}/_manifests/revisions/sha256/${hex}/link`, `sha256:${hex}`);
    utimesSync(link, new Date(), new Date(Date.now() - ageMs));
    if (tag) write(`repositories/${repository}/_manifests/tags/${tag}/current/link`, `sha256:${hex}`);
    return `sha256:${hex}`;
  };
  const has = (repository: string, digest: string): boolean =>
    existsSync(join(root, 'repositories', repository, '_manifests/revisions/sha256', digest.slice(7)));
  return { data, root, write, image, has, [Symbol.dispose]: () => rmSync(data, { recursive: true }) };
}

test('an image goes when no tag, no index, no release and no youth keeps it, and with its app', () => {
  using on = disk();
  const held = on.image('web', 'of a release');
  const tagged = on.image('web', 'tagged', 'latest');
  const child = on.image('web', 'child');
  on.image('web', JSON.stringify({ manifests: [{ digest: child }] }), 'multi');
  const young = on.image('web', 'young', null, 0);
  const needless = on.image('web', 'needless');
  const below = on.image('web/api', 'needless too');
  const foreign = on.image('gone', 'of an app that is gone', 'latest');
  const order = { apps: ['web'], keep: [held], graceMs: 60_000 };
  const found = carryOutOn(on.data, { what: 'measure', ...order });
  assert.deepEqual(
    found.repositories.map(({ name, needless: count }) => [name, count]),
    [
      ['gone', 1],
      ['web', 1],
      ['web/api', 1],
    ],
  );
  assert.ok(on.has('web', needless) && on.has('gone', foreign), 'a look changes nothing');
  carryOutOn(on.data, { what: 'clear', ...order });
  const left = [held, tagged, child, young, needless].map((one) => on.has('web', one));
  assert.deepEqual(left, [true, true, true, true, false]);
  assert.deepEqual([on.has('web/api', below), existsSync(join(on.root, 'repositories', 'gone'))], [false, false]);
});

test('what an app has is counted once, and links that lead elsewhere are not followed', () => {
  using on = disk();
  on.image('web', 'shared', 'latest');
  on.image('web/api', 'shared', 'latest');
  on.image('web/api', 'own of it', 'other');
  mkdirSync(join(on.data, 'outside', '_manifests'), { recursive: true });
  symlinkSync(join(on.data, 'outside'), join(on.root, 'repositories', 'linked'));
  const found = carryOutOn(on.data, { what: 'measure', apps: ['web'], keep: [], graceMs: 0 });
  assert.deepEqual(found.bytesOfApps, { web: 'shared'.length + 'own of it'.length });
  assert.deepEqual(
    found.repositories.map(({ name }) => name),
    ['web', 'web/api'],
  );
  carryOutOn(on.data, { what: 'drop', names: ['linked'] });
  assert.ok(existsSync(join(on.data, 'outside', '_manifests')));
});

test('nothing but repositories is dropped', () => {
  for (const name of ['', '.', '..', '../x', '/x', 'web/..', 'a//b'])
    assert.equal(diskOrder.safeParse({ what: 'drop', names: [name] }).success, false, name);
});
