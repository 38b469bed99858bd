import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absentEngine as absent, readyEngine as ready } from '../../test/support/engine-looks.ts';
import type { EngineLook } from '../domain/engine.ts';
import { type ErrorCode, isFailure } from '../domain/errors.ts';
import { runtimeOf } from './decide-runtime.ts';
import { memoryTree } from './memory-tree.ts';

type Files = Parameters<typeof memoryTree>[0];
const flask = 'from flask import Flask\napp = Flask(__name__)\n';

test('a Dockerfile runs where there is an engine; lockstep.yml has the word; a plain tree asks nobody', async () => {
  const check = async (files: Files, look: EngineLook | null, expected: 'process' | 'docker' | ErrorCode) => {
    const asked = runtimeOf(memoryTree(files), () =>
      look ? Promise.resolve(look) : Promise.reject(new Error('asked')),
    );
    const said = await asked.catch((error: unknown) => (isFailure(error) ? error.code : Promise.reject(error)));
    assert.equal(said, expected, JSON.stringify(files));
  };
  const Dockerfile = 'FROM debian:12\n';
  await check({ 'app.py': flask }, null, 'process');
  await check({ 'app.py': flask, 'lockstep.yml': 'health: /up' }, null, 'process');
  await check({ Dockerfile, 'lockstep.yml': 'runtime: process' }, null, 'process');
  await check({ Dockerfile }, ready, 'docker');
  await check({ 'app.py': flask, 'lockstep.yml': 'runtime: docker' }, ready, 'docker');
  await check({ Dockerfile }, absent, 'no-engine');
  const image = `image: team/web@sha256:${'0'.repeat(64)}`;
  await check({ 'lockstep.yml': image }, ready, 'docker');
  await check({ 'lockstep.yml': image }, absent, 'no-engine');
  await check({ 'lockstep.yml': `${image}\nruntime: process` }, ready, 'bad-config');
  await check({ 'app.py': flask, 'lockstep.yml': 'runtime: docker' }, absent, 'no-engine');
  await check({ Dockerfile }, { ...absent, state: 'hung' }, 'engine-away');
  await assert.rejects(
    runtimeOf(memoryTree({ Dockerfile }), async () => absent),
    {
      message: 'the repository has a Dockerfile, and there is no container engine: there is no /run/engine',
      advice: 'Install. With "runtime: process" in lockstep.yml the app runs without one.',
    },
  );
});
