import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedTurns } from './shared-turns.ts';

const { signal } = new AbortController();

/** Work that ends when it is told to, and says how often it began. */
function held() {
  const gates: (() => void)[] = [];
  return {
    gates,
    work: () =>
      new Promise<number>((resolve) => {
        const mine = gates.length;
        gates.push(() => resolve(mine));
      }),
    async begun(count: number): Promise<void> {
      while (gates.length < count) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('many who ask the same get one answer that is not older than their question', async () => {
  const turns = new SharedTurns(4);
  const { gates, work, begun } = held();
  const first = turns.share('all', signal, work);
  await begun(1);
  const later = Array.from({ length: 1000 }, () => turns.share('all', signal, work));
  gates[0]!();
  assert.equal(await first, 0);
  await begun(2);
  gates[1]!();
  assert.deepEqual(new Set(await Promise.all(later)), new Set([1]), 'of those who came while it was at work');
  assert.equal(gates.length, 2);
});

test('other questions wait in a line that has an end', async () => {
  const turns = new SharedTurns(2);
  const { gates, work, begun } = held();
  const asked = [turns.share('a', signal, work)];
  await begun(1);
  asked.push(turns.share('b', signal, work), turns.alone(signal, work));
  await assert.rejects(turns.share('c', signal, work), { code: 'busy' });
  await assert.rejects(turns.alone(signal, work), { code: 'busy' });
  asked.push(turns.share('b', signal, work));
  for (let at = 0; at < 3; at += 1) {
    await begun(at + 1);
    gates[at]!();
  }
  assert.deepEqual(await Promise.all(asked), [0, 1, 2, 1]);
});

test('work that fails fails for all who share it, and the next who asks begins anew', async () => {
  const turns = new SharedTurns(2);
  const asked = [1, 2].map(() => turns.share('a', signal, () => Promise.reject(new Error('the disk is ill'))));
  for (const one of asked) await assert.rejects(one, /ill/);
  assert.equal(await turns.share('a', signal, async () => 'well'), 'well');
  const over = AbortSignal.abort(new Error('stopping'));
  await assert.rejects(
    turns.share('a', over, async () => 'late'),
    /stopping/,
  );
  assert.equal(await turns.share('a', signal, async () => 'well'), 'well');
});
