import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLockstepYml } from '../../config/readers/lockstep-yml.ts';
import { isFailure } from '../../domain/errors.ts';
import { memoryTree } from '../memory-tree.ts';
import { buildInputs, registriesOf, unusedInputs } from './build-inputs.ts';
import { withCertificates } from './certificates.ts';
import { writeDockerfile } from './dockerfile.ts';
import { withOwnParts } from './own-parts.ts';
import { readDockerfile } from './read-dockerfile.ts';

const nothing = { args: {}, secrets: [] };
const inputsOf = (text: string, said: Parameters<typeof buildInputs>[1]) =>
  buildInputs(readDockerfile(text, [], said.args), said);

test('an argument counts where an ARG declares it, a secret where a step mounts it; the rest is said', () => {
  const text =
    'ARG BASE=python:3\nFROM $BASE AS one\nARG MODE LEVEL=2\nRUN --mount=type=secret,id=NPM_TOKEN --mount=type=secret,target=/etc/pip.conf x\nRUN --mount=type=secret,id=lockstep-ca y\nFROM one\nCMD ["x"]\n';
  const said = {
    args: { BASE: 'python:3.12', MODE: 'fast', OTHER: '1' },
    secrets: ['NPM_TOKEN', 'pip.conf', 'unused'],
  };
  const { inputs, notes } = inputsOf(text, said);
  assert.deepEqual(inputs, {
    buildArgs: { BASE: 'python:3.12', MODE: 'fast' },
    secrets: ['NPM_TOKEN', 'pip.conf'],
  });
  assert.deepEqual(notes, [
    'lockstep.yml, build.args: no ARG of the Dockerfile declares OTHER: it is not used',
    'lockstep.yml, build.secrets: no step of the Dockerfile mounts unused: it is not used',
  ]);
  assert.deepEqual(inputsOf('FROM a:1\nCMD ["x"]\n', nothing), { inputs: {}, notes: [] });
  assert.equal(unusedInputs(nothing).length, 0);
  assert.equal(unusedInputs({ args: {}, secrets: ['x'] }).length, 1);
});

test('a secret that lockstep.yml does not name is refused with its line and what to write', () => {
  const refusedFor = (text: string, words: RegExp) =>
    assert.throws(
      () => inputsOf(text, nothing),
      (error) => isFailure(error, 'bad-config') && words.test(error.message),
    );
  const text = 'FROM a:1\nRUN x\nRUN --mount=type=secret,id=npm \\\n  y\n';
  refusedFor(text, /line 3: the secret npm is not named in lockstep\.yml/);
  assert.throws(
    () => inputsOf(text, nothing),
    (error) => isFailure(error) && /build: \{secrets: \[npm\]\}.*config set --build npm=/.test(error.advice ?? ''),
  );
  refusedFor('FROM a:1\nARG A\nRUN --mount=type=secret,id=$A x\n', /line 3: a secret without a name/);
  refusedFor('FROM a:1\nRUN --mount=type=secret x\n', /line 2: a secret without a name/);
  refusedFor('FROM a:1\nRUN --mount=type=ssh x\n', /line 2: --mount=type=ssh is not built here/);
  // What to do instead is what works.
  const ssh = () => inputsOf('FROM a:1\nRUN --mount=type=ssh x\n', nothing);
  assert.throws(ssh, (error) => {
    const said = isFailure(error) ? (error.advice ?? '') : '';
    const [yml, run] = [/build: \{secrets: \[\w+\]\}/.exec(said)?.[0], /RUN --mount=\S+/.exec(said)?.[0]];
    const { build } = readLockstepYml(`${yml}\n`);
    assert.deepEqual(inputsOf(`FROM a:1\n${run} x\n`, build).inputs.secrets, ['SSH_KEY']);
    return true;
  });
});

test('an argument decides where a stage begins, and may not name another app’s image', () => {
  const text = 'ARG BASE=python:3\nARG PORT=80\nFROM $BASE\nARG PORT\nEXPOSE $PORT\n';
  assert.deepEqual(readDockerfile(text, []).ports, [80]);
  const { stages, ports } = readDockerfile(text, [], { BASE: 'ghcr.io/team/base:1', PORT: '81' });
  assert.deepEqual([stages[0]!.base, ports], ['ghcr.io/team/base:1', [81]]);
  for (const base of ['lockstep/app_1:abc', '0123456789ab', 'sha256:0123']) {
    const facts = readDockerfile(text, [], { BASE: base });
    assert.throws(
      () => withOwnParts(facts.text, facts.stages, 'app_2'),
      (error) => isFailure(error, 'bad-config'),
      base,
    );
  }
});

test('the registries that it begins from are those of its stages', () => {
  const text =
    'FROM ghcr.io/a/b:1 AS one\nFROM one AS two\nFROM python:3\nFROM scratch\nFROM 127.0.0.1:5000/x@sha256:y\nCMD ["x"]\n';
  assert.deepEqual(registriesOf(readDockerfile(text, [])), ['ghcr.io', 'docker.io']);
});

test('steps of what Lockstep writes get the installation’s certificates, and nothing of them is said before or after', async () => {
  const { text } = await writeDockerfile(
    memoryTree({ 'app.py': 'from flask import Flask\napp = Flask(__name__)\n' }),
    'app_1',
  );
  const trusting = withCertificates(text);
  const runs = trusting.split('\n').filter((line) => line.startsWith('RUN '));
  assert.ok(runs.length >= 3, text);
  for (const line of runs)
    assert.match(
      line,
      /^RUN (?:--mount=type=cache\S+ )?--mount=type=secret,id=lockstep-ca,target=\/run\/secrets\/lockstep-ca,mode=0444 export SSL_CERT_FILE=\/run\/secrets\/lockstep-ca /,
    );
  const without = (whole: string) => whole.split('\n').filter((line) => !line.startsWith('RUN '));
  assert.deepEqual(without(trusting), without(text));
  // It is read as any other, and asks lockstep.yml for nothing.
  assert.deepEqual(inputsOf(trusting, nothing), { inputs: {}, notes: [] });
});
