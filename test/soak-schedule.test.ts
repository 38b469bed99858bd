// What a soak does follows from its seed alone, and every kind of trouble comes as often as the others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleOf } from '../scripts/soak/schedule.ts';

const apps = ['one', 'two'];

test('the same seed gives the same schedule, another seed another one', () => {
  assert.deepEqual(scheduleOf(7, 10, apps), scheduleOf(7, 10, apps));
  assert.notDeepEqual(scheduleOf(7, 10, apps), scheduleOf(8, 10, apps));
});

test('steps are in the order of their moments, within the time, and of every kind', () => {
  const steps = scheduleOf(3, 10, apps);
  for (const [at, step] of steps.entries()) {
    assert.ok(step.atMs >= (steps[at - 1]?.atMs ?? 0) && step.atMs < 600_000);
    if ('app' in step) assert.ok(apps.includes(step.app));
  }
  const counts = new Map<string, number>();
  for (const step of steps) {
    const kind = 'whom' in step ? `${step.do} ${step.whom}` : step.do;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const troubles = [...counts].filter(([kind]) => !['deploy', 'reject', 'rollback', 'config'].includes(kind));
  assert.equal(troubles.length, 10);
  const times = troubles.map(([, count]) => count);
  assert.ok(Math.min(...times) >= 8 && Math.max(...times) - Math.min(...times) <= 1, JSON.stringify(troubles));
  assert.ok(counts.get('deploy')! > 2 * counts.get('rollback')!);
});
