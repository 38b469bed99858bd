import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId } from '../../domain/ids.ts';
import type { LayerRecipe } from '../../domain/plan.ts';
import { whyNotInstalled, writeGate } from './gate.ts';
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
  const text = writeGate({
    ...{ appId, imageKey: 'k'.repeat(64), facts, recipe },
    stage: facts.stages.at(-1)!,
    root: '',
    early: [],
  });
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

test('a project with a name of its own is known by it beside its image, too', () => {
  const facts = readDockerfile('FROM python:3.12-slim\nCMD ["x"]\n', []);
  const own = { name: 'shop', version: '1.2', entryPoints: {}, place: 'src' as const };
  const given = { appId, imageKey: 'k', facts, stage: facts.stages[0]!, root: '', early: [] };
  const told = writeGate({ ...given, recipe: { ...recipe, own } }).split('\n');
  const [line] = told.filter((one) => one.includes('lockstep-tree.pth'));
  assert.match(
    line!,
    /^RUN \/lockstep\/gate\/bin\/python -I -c 'exec\("import .*"\)' '\{"name":"shop","version":"1\.2",/,
  );
});

test('why it could not be made is said in words where the image is the reason', () => {
  const said = (step: string) =>
    whyNotInstalled(`the image for the tests could not be built: [2/8] ${step}: exit code: 1`);
  const facts = readDockerfile('FROM python:3.12-slim\nCMD ["x"]\n', []);
  const given = { appId, imageKey: 'k', facts, recipe, stage: facts.stages[0]!, root: '', early: [] };
  const steps = writeGate(given)
    .split('\n')
    .filter((line) => line.startsWith('RUN '));
  const own = steps.slice(0, 3).map(said);
  assert.deepEqual(own.slice(0, 2), ['what it begins with has no shell', 'what it begins with has no pip that works']);
  assert.match(own[2]!, /^what it needs could not be installed there: \[2\/8\] RUN .*uv venv/);
});

test('tools of our own lie in a folder of their own, held to their hashes', () => {
  const facts = readDockerfile('FROM python:3.12-slim\nCMD ["x"]\n', []);
  const given = { appId, imageKey: 'k', facts, recipe, stage: facts.stages[0]!, root: '', early: [] };
  const text = writeGate({ ...given, pinned: { mypy: 'mypy==2.4.1 --hash=sha256:aa\nlibrt==1 --hash=sha256:bb\n' } });
  const [wrote, installed, compiled] = text
    .slice(writeGate(given).length - 1)
    .trim()
    .split('\n');
  assert.match(
    wrote!,
    /^RUN python3 -c .*\/lockstep\/inputs\/mypy\.txt 'mypy==2\.4\.1 --hash=sha256:aa \| librt==1 --hash=sha256:bb'$/,
  );
  assert.match(
    installed!,
    / --target \/lockstep\/gate\/tools\/mypy --no-deps --require-hashes --only-binary :all: -r /,
  );
  assert.match(compiled!, /compileall/);
});

test('where nothing can be named that it began with, it is the image itself', () => {
  const check = (dockerfile: string, from: RegExp) => {
    const facts = readDockerfile(dockerfile, []);
    assert.match(
      writeGate({ ...{ appId, imageKey: 'k', facts, recipe }, stage: facts.stages.at(-1)!, root: '', early: [] }),
      from,
      dockerfile,
    );
  };
  check('FROM scratch\nCOPY a /\n', /^FROM lockstep\//);
  check('FROM python:$PY\n', /^FROM lockstep\//);
  check('ARG PY=3.12\nFROM python:$PY\n', /^FROM python:3\.12\n/);
  const facts = readDockerfile('FROM ubuntu:24.04\nRUN apt-get install -y python3-pip\n', []);
  const asked = { ...{ appId, imageKey: 'k', facts, recipe, root: '', early: [] }, stage: facts.stages[0]! };
  assert.match(writeGate(asked), /^FROM ubuntu:24\.04\n/);
  assert.match(writeGate({ ...asked, isOfItself: true }), /^FROM lockstep\//);
});

test('of Node all is installed that is for development, in the stage where the tests run, with its package manager', () => {
  const facts = readDockerfile('FROM node:24 AS build\nFROM caddy:2\n', []);
  const stage = facts.stages[0]!;
  const write = (manager: 'npm' | 'pnpm' | null, early: string[] = []) =>
    writeGate({
      ...{ appId, imageKey: 'k', facts, stage, root: 'web/', early },
      recipe: {
        interpreter: { kind: 'node', version: null },
        ...{ inputs: ['package.json'], extras: [] },
        installer: { tool: 'node', manager, isLocked: true },
      },
    }).split('\n');
  const npm = write('npm', ['postinstall']);
  assert.deepEqual(npm.slice(0, 2), ['FROM node:24', 'USER 0:0']);
  const tail = [
    'WORKDIR /lockstep/gate/modules',
    'COPY web/package.json ./',
    'RUN npm pkg delete scripts.postinstall',
    `RUN --mount=type=cache,id=${appId}-gate,target=/lockstep/cache,sharing=locked node /lockstep/gate/managers/node_modules/npm/bin/npm-cli.js ci --include=dev --no-audit --no-fund --prefer-offline`,
    '',
  ];
  assert.deepEqual(npm.slice(-5), tail);
  const pnpm = write('pnpm').join('\n');
  assert.match(pnpm, /npm install --prefix \/lockstep\/gate\/managers --no-save --no-audit --no-fund pnpm@/);
  assert.match(pnpm, /node \/lockstep\/gate\/managers\/node_modules\/pnpm\/bin\/pnpm\.cjs install --frozen-lockfile/);
  assert.match(pnpm, /ENV npm_config_store_dir="\/lockstep\/cache\/pnpm"/);
  assert.equal(write(null).length, 4, 'nothing is required: nothing is installed');
  const step = npm.find((line) => line.startsWith('RUN command'))!;
  assert.equal(
    whyNotInstalled(`the image for the tests could not be built: [4/8] ${step}: exit code: 127`),
    'what it begins with has no npm',
  );
});

test('of Node in the image itself its npm is linked, wherever it lies in pieces', () => {
  const facts = readDockerfile('FROM debian\nRUN apt-get install -y npm\nCOPY . .\nCMD ["node", "a.js"]\n', []);
  const [from, , first] = writeGate({
    ...{ appId, imageKey: 'k', facts, stage: facts.stages[0]!, root: '', early: [], isOfItself: true },
    recipe: {
      interpreter: { kind: 'node', version: null },
      ...{ inputs: ['package.json'], extras: [] },
      installer: { tool: 'node', manager: 'npm', isLocked: true },
    },
  }).split('\n');
  assert.match(from!, /^FROM lockstep\//);
  assert.match(first!, /; then ln -s "\$at" \/lockstep\/gate\/managers\/node_modules\/npm \|\| exit 1; /);
});
