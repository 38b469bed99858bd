// What the door says of itself; what passes through it is in test/own-registry.test.ts, with a real registry behind it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfSigned } from '../../receive/registry/certificate.ts';
import { openDatabase } from '../../store/open.ts';
import { RegistryDoor } from './door.ts';
import { openTrust, readTrust } from './trust.ts';

const noticeSecret = 'n'.repeat(43);

async function open() {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-door-'));
  const database = openDatabase(join(home, 'lockstep.db'));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = selfSigned(privateKey, 'tests', Date.now()).toString('base64');
  const heard: string[] = [];
  const disk = { isFull: false };
  const door = new RegistryDoor({
    ...{ world: { database }, home, socketPath: join(home, 'none'), roomOf: async () => 0, failed() {} },
    trust: { privateKey, publicKey, certificate, noticeSecret },
    pushed(repository, tag) {
      if (disk.isFull) throw new Error('database or disk is full');
      heard.push(`${repository}:${tag}`);
    },
  });
  const server = createServer(door.answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tell = async (body: string, secret = noticeSecret): Promise<number> => {
    const answer = await fetch(`${url}/v2/_notices`, {
      ...{ method: 'POST', body, headers: { authorization: `Bearer ${secret}` } },
    });
    await answer.text();
    return answer.status;
  };
  return {
    ...{ url, heard, disk, tell },
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
      database.close();
      rmSync(home, { recursive: true });
    },
  };
}

const push = JSON.stringify({ events: [{ action: 'push', target: { repository: 'web', tag: 'latest' } }] });

test('the registry is told again when its word could not be written down, and not when it cannot be read', async () => {
  using at = await open();
  assert.equal(await at.tell(push, 'x'.repeat(43)), 401);
  assert.equal(await at.tell(push, ''), 401);
  at.disk.isFull = true;
  assert.equal(await at.tell(push), 503);
  at.disk.isFull = false;
  assert.equal(await at.tell(push), 200);
  // It would be told for ever, and nothing after it.
  for (const bad of ['', '{}', 'x'.repeat(2 * 1024 ** 2)]) assert.equal(await at.tell(bad), 200);
  assert.deepEqual(at.heard, ['web:latest']);
});

test('without a token there is one for what is public, and a wrong one is none', async () => {
  using at = await open();
  const ask = (path: string, authorization?: string) =>
    fetch(`${at.url}${path}`, { headers: authorization === undefined ? {} : { authorization } });
  const base = await ask('/v2/');
  assert.equal(base.status, 401);
  assert.equal(base.headers.get('www-authenticate'), `Bearer realm="${at.url}/v2/token",service="lockstep"`);
  const { token } = (await (await ask('/v2/token?scope=repository:web:pull,push')).json()) as { token: string };
  assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8')).access, []);
  assert.equal((await ask('/v2/', `Bearer ${token}`)).status, 200);
  const refused = await ask('/v2/web/manifests/latest', `Bearer ${token}`);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate')!, /,scope="repository:web:pull"$/);
  // One is not changed into another.
  assert.equal((await ask('/v2/token?scope=repository:web:pull', `Bearer ${token}`)).status, 401);
  assert.equal((await ask('/v2/token', `Basic ${Buffer.from('a:wrong').toString('base64')}`)).status, 401);
});

test('what the registry trusts is made once, and again when half of it is missing', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-trust-'));
  try {
    mkdirSync(join(home, 'control'));
    assert.equal(readTrust(home), null);
    const first = await openTrust(home, Date.now());
    assert.equal((await openTrust(home, Date.now())).certificate, first.certificate);
    assert.equal(readTrust(home)?.noticeSecret, first.noticeSecret);
    rmSync(join(home, 'control', 'registry.key'));
    const second = await openTrust(home, Date.now());
    assert.notEqual(second.certificate, first.certificate);
    assert.ok(readTrust(home)?.certificate.replaceAll('\n', '').includes(second.certificate));
  } finally {
    rmSync(home, { recursive: true });
  }
});
