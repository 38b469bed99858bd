import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryUse } from './use.ts';

function open() {
  const clock = { ms: 0 };
  return { clock, use: new RegistryUse(() => clock.ms) };
}

test('a push is under way until its tag is set, or for ten minutes', async () => {
  const { clock, use } = open();
  use.begin('web', 'push')();
  assert.equal(use.pushing(), 'web');
  assert.equal(await use.alone(async () => 'done'), null);
  use.begin('web', 'tag')();
  assert.equal(use.pushing(), null);
  assert.equal(await use.alone(async () => 'done'), 'done');
  use.begin('web', 'push')();
  clock.ms += 9 * 60_000;
  assert.equal(use.pushing(), 'web');
  clock.ms += 60_000;
  assert.equal(use.pushing(), null);
});

test('who is at it is waited for, who comes meanwhile waits, and one is alone at a time', async () => {
  const { use } = open();
  const over = use.begin('web', 'read');
  const begun: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const alone = use.alone(async () => {
    begun.push('alone');
    await promise;
  });
  assert.equal(await use.alone(async () => {}), null);
  const waits = use.untilOpen().then((isOpen) => begun.push(`open ${isOpen}`));
  assert.deepEqual(begun, []);
  over();
  over();
  assert.equal(use.running, 0, 'an end is an end, however often it is told');
  resolve();
  await Promise.all([alone, waits]);
  assert.deepEqual(begun, ['alone', 'open true']);
});

test('the door opens again when the work fails, and who does not end in time stops it', async () => {
  const { clock, use } = open();
  await assert.rejects(
    use.alone(async () => {
      throw new Error('no');
    }),
  );
  assert.equal(await use.untilOpen(), true);
  use.begin('web', 'read');
  const waits = use.alone(async () => 'done', 5);
  clock.ms += 10;
  assert.equal(await waits, null);
});

test('what came is counted by app until it was measured', () => {
  const { use } = open();
  use.came('web', 5);
  use.came('web', 6);
  assert.deepEqual([use.cameFor('web'), use.cameFor('shop')], [11, 0]);
  use.measured('web');
  assert.equal(use.cameFor('web'), 0);
});
