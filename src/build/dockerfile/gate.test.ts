import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId } from '../../domain/ids.ts';
import type { LayerRecipe } from '../../domain/plan.ts';
import { writeGate } from './gate.ts';
import { readDockerfile } from './read-dockerfile.ts';

const appId = 'app_00000000000000000000000000' as AppId;
const recipe: LayerRecipe = {
  interpreter: { kind: 'python', version: null },
  inputs: ['requirements.txt', 'requirements/dev.txt'],
  extras: ['pytest==9.2.0', 'coverage==7.17.3'],
  installer: { tool: 'uv-requirements', files: ['requirements.txt', 'requirements/dev.txt'] },
};

test('what checks need is installed of what the image began with, and nothing of the commit is in it', () => {
  const facts = readDockerfile('FROM python:3.12-slim AS base\nFROM base AS app\nFROM app\nCMD ["x"]\n', []);
  const text = writeGate({ appId, imageKey: 'k'.repeat(64), facts, recipe });
  const lines = text.split('\n').filter((line) => !/^(?:ENV|RUN) /.test(line));
  assert.deepEqual(lines, [
    'FROM python:3.12-slim',
    'USER 0:0',
    'WORKDIR /lockstep/inputs',
    'COPY requirements.txt ./',
    'COPY requirements/dev.txt ./requirements/',
    '',
  ]);
  assert.match(
    text,
    /RUN --mount=type=cache,id=app_0+-gate,target=\S+ uv pip install --python \/lockstep\/gate\/bin\/python/,
  );
  assert.match(text, /-r requirements\.txt -r requirements\/dev\.txt -- pytest==9\.2\.0 coverage==7\.17\.3/);
  assert.doesNotMatch(text, /\{/);
});

test('where nothing can be named that it began with, it is the image itself', () => {
  const check = (dockerfile: string, from: RegExp) => {
    const facts = readDockerfile(dockerfile, []);
    assert.match(writeGate({ appId, imageKey: 'k', facts, recipe }), from, dockerfile);
  };
  check('FROM scratch\nCOPY a /\n', /^FROM lockstep\//);
  check('FROM python:$PY\n', /^FROM lockstep\//);
  check('ARG PY=3.12\nFROM python:$PY\n', /^FROM python:3\.12\n/);
});
