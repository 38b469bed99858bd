import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InstanceView, nextDueMs } from '../desired/converge.ts';
import { notInFuture } from './not-in-future.ts';

const nowMs = 1_000_000_000;
const view = (more: Partial<InstanceView>) =>
  ({ state: 'backing-off', restarts: 1, startedAtMs: 0, sinceMs: 0, healthyAtMs: null, ...more }) as InstanceView;

test('I3: an instance that waits since a moment that is yet to come, waits from now on, and not for hours more', () => {
  const hourMs = 3_600_000;
  for (const state of ['backing-off', 'draining', 'stopping'] as const) {
    const ahead = view({ state, sinceMs: nowMs + hourMs, startedAtMs: nowMs + hourMs, healthyAtMs: nowMs + hourMs });
    assert.ok(nextDueMs([ahead], nowMs)! >= hourMs, 'what it would come to');
    const mended = notInFuture(ahead, nowMs);
    assert.ok(nextDueMs([mended], nowMs)! <= 60_000, state);
    assert.deepEqual([mended.startedAtMs, mended.healthyAtMs], [nowMs, nowMs]);
  }
  const before = view({ sinceMs: nowMs - 5, startedAtMs: nowMs - 10, crashedAtMs: [nowMs - 20, nowMs + 20] });
  assert.deepEqual(notInFuture(before, nowMs), { ...before, crashedAtMs: [nowMs - 20, nowMs] });
});
