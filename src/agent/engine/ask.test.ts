// What a failpoint of the engine is named after: what is asked, and never whom it is done to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workOf } from './ask.ts';

test('what is asked of the engine has the same name for every container, image and version', () => {
  const id = 'a'.repeat(64);
  const cases: [string, string, string][] = [
    ['POST', '/v1.41/containers/create?name=lockstep-1', 'POST containers/create'],
    ['POST', `/v1.47/containers/${id}/start`, 'POST containers/start'],
    ['POST', `/v1.41/containers/${id}/kill?signal=SIGKILL`, 'POST containers/kill'],
    ['DELETE', `/v1.41/containers/${id}?force=1&v=1`, 'DELETE containers'],
    ['DELETE', '/v1.41/images/lockstep/app_01M8:key', 'DELETE images'],
    ['POST', '/v1.41/build?version=2&t=lockstep%2Fcreate', 'POST build'],
    ['POST', '/v1.41/build/prune?all=1', 'POST build/prune'],
    ['POST', '/networks/create', 'POST networks/create'],
  ];
  for (const [method, path, name] of cases) assert.equal(workOf(method, path), name);
});
