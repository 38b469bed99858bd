import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dockerLogin } from './docker-login.ts';

test('what docker login has written is read, and whatever else is there is nobody', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-login-'));
  try {
    const env = { DOCKER_CONFIG: folder };
    assert.equal(dockerLogin(env, 'ghcr.io'), null);
    const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
    const auths = { 'ghcr.io': auth('ann:a:b'), 'https://index.docker.io/v1/': auth('bob:c'), 'empty.example': {} };
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths, credsStore: 'desktop' }));
    assert.deepEqual(dockerLogin(env, 'ghcr.io'), { username: 'ann', password: 'a:b' });
    assert.deepEqual(dockerLogin(env, 'docker.io'), { username: 'bob', password: 'c' });
    for (const host of ['empty.example', 'other.example', '__proto__'])
      assert.equal(dockerLogin(env, host), null, host);
    writeFileSync(join(folder, 'config.json'), 'null');
    assert.equal(dockerLogin(env, 'ghcr.io'), null);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
