import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultHome, readConfig } from './config.ts';

test('flags win over the environment, which wins over the defaults', () => {
  const env = { LOCKSTEP_HOME: '/srv/env', LOCKSTEP_PORT: '9000' };
  assert.equal(readConfig({}, env, false).home, '/srv/env');
  assert.equal(readConfig({ home: '/srv/flag', port: '9001' }, env, false).home, '/srv/flag');
  assert.equal(readConfig({ port: '9001' }, env, false).port, 9001);
  const plain = readConfig({}, {}, true);
  assert.deepEqual(
    [plain.home, plain.port, plain.bindAddress, plain.base],
    ['/var/lib/lockstep', 8080, '127.0.0.1', 'localhost'],
  );
  assert.equal(readConfig({ isPublic: true }, {}, true).bindAddress, '0.0.0.0');
  assert.equal(plain.maxPushBytes, 512 * 2 ** 20);
  assert.deepEqual([plain.callbackOrigins, plain.registryProgram], [[], null]);
  assert.equal(readConfig({}, { LOCKSTEP_REGISTRY: 'on' }, true).registryProgram, '/usr/bin/docker-registry');
  assert.throws(() => readConfig({}, { LOCKSTEP_REGISTRY: 'yes' }, true), /LOCKSTEP_REGISTRY/);
  const callbacks = (text: string) => readConfig({}, { LOCKSTEP_CALLBACKS: text }, true).callbackOrigins;
  assert.deepEqual(callbacks('http://127.0.0.1:9000,https://r.example'), [
    'http://127.0.0.1:9000',
    'https://r.example',
  ]);
  for (const bad of ['x', 'http://a/', 'http://a/b', 'file:///etc', 'http://u:p@a', '*'])
    assert.throws(() => callbacks(bad), /LOCKSTEP_CALLBACKS/, bad);
  assert.equal(readConfig({}, { LOCKSTEP_MAX_PUSH_BYTES: '1000000' }, true).maxPushBytes, 1_000_000);
  assert.equal(defaultHome(false, '/home/ann'), '/home/ann/.lockstep');
});

test('every wrong setting is named in one error', () => {
  assert.throws(
    () =>
      readConfig(
        { port: '99999', base: 'a b', home: `/${'x'.repeat(120)}` },
        { LOCKSTEP_MAX_PUSH_BYTES: '1k', LOCKSTEP_KEEP_ROWS: 'changes=20,apps=20,events=1' },
        false,
      ),
    (error: Error) => {
      for (const setting of ['port:', 'base:', 'home:', 'LOCKSTEP_MAX_PUSH_BYTES:', '"apps=20"', '"events=1"'])
        assert.match(error.message, new RegExp(setting));
      return true;
    },
  );
});

test('how many rows are kept can be set for each kind', () => {
  assert.deepEqual(readConfig({}, { LOCKSTEP_KEEP_ROWS: 'changes=50,events=400' }, false).keepRows, {
    changes: 50,
    events: 400,
  });
});

test('the record cannot be changed', () => {
  const config = readConfig({}, {}, false);
  assert.throws(() => Object.assign(config, { port: 1 }), TypeError);
});
