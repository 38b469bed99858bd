import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveRelease } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';

const main = 'refs/heads/main';

test('B10: a release command that fails or hangs refuses the change, says what may hold it, and starts nothing', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const before = stage.agent.sets(app.id);
  let parent = one;
  for (const [end, words] of [
    [{ exitCode: 1 }, /the release command ended with exit 1/],
    [
      { exitCode: null, signal: 'SIGKILL', endedBy: 'deadline' },
      /took longer than 10 minutes; .*lock .* running release/,
    ],
    [{ exitCode: null, signal: 'SIGKILL', endedBy: 'out-of-memory' }, /ran out of memory/],
    [{ exitCode: null, signal: 'SIGKILL', endedBy: 'disk-limit' }, /wrote more than the app's disk limit/],
  ] as const) {
    stage.agent.job = (spec) => (spec.kind === 'release' ? end : {});
    const files = { ...page(JSON.stringify(end)), 'lockstep.yml': 'release: "python3 migrate.py"\n' };
    parent = await stage.commit(app, files, one);
    const { said, verdicts } = await stage.push(app, [{ ref: main, from: one, to: parent }]);
    assert.equal(verdicts.get(main)?.isAccepted, false);
    assert.match(said.join('\n'), words);
    assert.deepEqual([stage.agent.sets(app.id), liveRelease(stage.database, app.id)?.commit], [before, one]);
  }
});
