// The clock of the machine is set while changes are on their way.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { changeStates } from '../domain/change.ts';
import { listChanges } from '../store/changes.ts';
import { listEvents } from '../store/events.ts';
import { listReleases, worthKeeping } from '../store/releases.ts';
import { insertToken, principalOf } from '../store/tokens.ts';
import { FakeWorld, page } from './fake-world.ts';
import { idsFollow, newId } from './world.ts';

const hourMs = 3_600_000;

test('I3: whatever the clock does in the middle of deploys, releases, changes and the ledger stay in their order', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const startMs = Date.now();
  mock.timers.enable({ apis: ['Date'], now: startMs });
  try {
    let tip = await stage.commit(app, page('v1'), null);
    await stage.land(app, tip, null);
    for (const [at, stepMs] of [24 * hourMs, -25 * hourMs, hourMs, -2 * hourMs, 40 * 24 * hourMs, 0].entries()) {
      const next = await stage.commit(app, page(`v${at + 2}`), tip);
      let isSet = false;
      // The first word to the pusher comes in the middle of the gate.
      const say = (): void => {
        if (!isSet) mock.timers.setTime(Math.max(1, Date.now() + stepMs));
        isSet = true;
      };
      const { verdicts } = await stage.push(app, [{ ref: 'refs/heads/main', from: tip, to: next }], { say });
      assert.deepEqual(verdicts.get('refs/heads/main'), { isAccepted: true });
      assert.ok(isSet);
      tip = next;
      if (stepMs === -2 * hourMs) {
        // A control that starts now takes the order over from what the store has.
        stage.restart();
        idsFollow(stage.database);
      }
    }
    const releases = listReleases(stage.database, app.id, null, 50);
    assert.deepEqual(
      releases.map(({ version }) => version),
      [7, 6, 5, 4, 3, 2, 1],
    );
    assert.deepEqual(
      worthKeeping(stage.database, app.id, 3).treeIds,
      releases.slice(0, 3).map(({ treeId }) => treeId),
    );
    const changes = listChanges(stage.database, app.id, null, 50);
    assert.deepEqual(
      changes.map(({ number }) => number),
      [7, 6, 5, 4, 3, 2, 1],
    );
    for (const { state, createdAtMs, endedAtMs, moments } of changes) {
      assert.ok(changeStates.includes(state) && endedAtMs !== null && endedAtMs >= createdAtMs);
      assert.ok(endedAtMs - createdAtMs < 60_000, 'a step is no duration');
      const values = ['received', 'gating', 'proved', 'landed'].map((name) => moments[name]!);
      assert.deepEqual(
        values.toSorted((a, b) => a - b),
        values,
      );
    }
    const events = listEvents(stage.database, stage.owner, app.id, 0, 500);
    const ids = events.map(({ id }) => id);
    assert.deepEqual(ids.toSorted(), ids, 'the ledger is in the order of its ids, too');
  } finally {
    mock.timers.reset();
  }
});

test('I3: a token runs out by the clock on the wall, and comes back with it', () => {
  using stage = new FakeWorld();
  const secret = 'lst_secret';
  const atMs = Date.now();
  const token = { id: newId('tok'), name: 'ci', rights: stage.owner.rights, appIds: null, createdAtMs: atMs };
  insertToken(stage.database, { ...token, expiresAtMs: atMs + hourMs, teamId: stage.owner.teamId, secret });
  const isGood = (nowMs: number) => principalOf(stage.database, secret, nowMs) !== null;
  assert.deepEqual([atMs, atMs - hourMs, atMs + 2 * hourMs, atMs].map(isGood), [true, true, false, true]);
});
