import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostAhead } from '../domain/ahead.ts';
import type { AppId, JobId } from '../domain/ids.ts';
import type { JobSpec } from '../domain/job.ts';
import { defaultLimits } from '../domain/plan.ts';
import { JobsAhead } from './jobs-ahead.ts';
import { newId } from './world.ts';

const appId: AppId = newId('app');

const check = (name: string, more: Partial<JobSpec> = {}): JobSpec => ({
  ...{ id: newId('job') as JobId, appId, kind: 'check', identity: 'gate', place: { copy: 'one' }, layerKey: null },
  ...{ liveUid: null, gateUid: null, gid: null, tools: [], env: {}, files: {}, reports: [`${name}.json`], volumes: {} },
  ...{
    command: { argv: ['{python}', name] },
    ahead: ['{begin}'],
    deadlineMs: 1,
    outputBytes: 1,
    limits: defaultLimits,
  },
  ...more,
});

function ahead() {
  const told: (readonly JobSpec[])[] = [];
  return { told, jobs: new JobsAhead({ startAhead: async (specs) => void told.push(specs) }) };
}

test('what ran will be started ahead, what takes longest first, and each under the id by which its job is sent then', () => {
  const { told, jobs } = ahead();
  const usual: Record<string, number> = { style: 200, tests: 800, docs: 400, more: 100 };
  for (const name of Object.keys(usual)) jobs.sent(check(name), name);
  jobs.again(appId, (name) => usual[name]!);
  assert.deepEqual(
    told[0]!.map(({ reports }) => reports[0]),
    ['tests.json', 'docs.json', 'style.json'],
  );
  assert.equal(told[0]!.length, mostAhead);
  const [tests, docs] = told[0]!;
  const sent = jobs.sent(check('tests', { deadlineMs: 2, place: { copy: 'two' }, late: {} }), 'tests');
  assert.deepEqual([sent.id, sent.place, sent.deadlineMs], [tests!.id, { copy: 'two' }, 2]);
  assert.notEqual(jobs.sent(check('tests'), 'tests').id, tests!.id, 'it serves one run');
  assert.notEqual(jobs.sent(check('docs', { env: { A: 'b' } }), 'docs').id, docs!.id, 'it is other work');
  assert.equal(jobs.sent(check('docs'), 'docs').id, docs!.id);
});

test('what cannot be begun without its tree is left alone, and a gate in which nothing ran ends nothing that waits', () => {
  const { told, jobs } = ahead();
  const { ahead: _, ...loose } = check('a');
  const bound: JobSpec[] = [loose, check('b', { command: { shell: 'make' } }), check('c', { kind: 'run' })];
  for (const spec of bound) assert.equal(jobs.sent(spec, 'x').id, spec.id);
  jobs.again(appId, () => 0);
  assert.equal(told.length, 0);
  jobs.sent(check('tests'), 'tests');
  jobs.again(appId, () => 0);
  jobs.again(appId, () => 0);
  assert.equal(told.length, 1);
  jobs.forget(appId);
  assert.notEqual(jobs.sent(check('tests'), 'tests').id, told[0]![0]!.id);
});
