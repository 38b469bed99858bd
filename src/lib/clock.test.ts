import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RisingClock, steadyMs } from './clock.ts';

test('moments for ids rise by themselves, whatever the wall clock does', () => {
  let wallMs = 1_000_000;
  const clock = new RisingClock(() => wallMs);
  const seen = [clock.next(), clock.next()];
  wallMs += 86_400_000;
  seen.push(clock.next());
  wallMs -= 90_000_000;
  seen.push(clock.next(), clock.next());
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    seen,
  );
  assert.equal(new Set(seen).size, seen.length);
  const next = new RisingClock(() => 5);
  next.raiseTo(seen.at(-1)!);
  assert.ok(next.next() > seen.at(-1)!);
});

test('the steady clock shows the time of day and never goes back', () => {
  assert.ok(Math.abs(steadyMs() - Date.now()) < 60_000);
  let before = steadyMs();
  for (let count = 0; count < 1000; count += 1) {
    const now = steadyMs();
    assert.ok(now >= before);
    before = now;
  }
});
