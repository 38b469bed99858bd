import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '../domain/errors.ts';
import { engineSocketOf, usualEngineSocket } from './engine-socket.ts';

test('the engine is where LOCKSTEP_ENGINE says, else DOCKER_HOST, else at the usual place', () => {
  const check = (env: Record<string, string>, expected: string) => assert.equal(engineSocketOf(env), expected);
  check({}, usualEngineSocket);
  check({ LOCKSTEP_ENGINE: '/run/x.sock', DOCKER_HOST: 'unix:///y' }, '/run/x.sock');
  check({ LOCKSTEP_ENGINE: 'unix:///run/x.sock' }, '/run/x.sock');
  check({ DOCKER_HOST: 'unix:///run/user/1000/docker.sock' }, '/run/user/1000/docker.sock');
});

test('an engine over the network is left alone when the shell names it, and refused when we are told of it', () => {
  assert.equal(engineSocketOf({ DOCKER_HOST: 'tcp://10.0.0.1:2375' }), usualEngineSocket);
  for (const bad of ['tcp://10.0.0.1:2375', 'run/x.sock', '/a\nb', `/${'x'.repeat(200)}`])
    assert.throws(
      () => engineSocketOf({ LOCKSTEP_ENGINE: bad }),
      (error) => isFailure(error, 'bad-request'),
    );
});
