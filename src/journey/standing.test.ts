// What a candidate is held to, on real repositories: main's gate, unless an admin asks for a weaker one, or it was live.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listChanges, verdictOfChange } from '../store/changes.ts';
import { listEvents } from '../store/events.ts';
import { liveRelease } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';
import { weakenAsked } from './push.ts';
import { startRollback } from './rollback.ts';
import { timeLimit } from './time-limit.ts';

const main = 'refs/heads/main';
const site = (text: string, gate: string) => ({ ...page(text), 'lockstep.yml': `gate: ${gate}\n` });

test('a tree that passed once is refused when main has come to more, and a rollback brings its gate back', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const weak = site('one', '{ coverage: { patch: 50% } }');
  const one = await stage.commit(app, weak, null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, site('two', '{ coverage: { patch: 90% } }'), one);
  await stage.land(app, two, one);

  const back = await stage.commit(app, weak, two);
  const { said, verdicts } = await stage.push(app, [{ ref: main, from: two, to: back }]);
  assert.equal(verdicts.get(main)?.isAccepted, false);
  assert.match(
    said.join('\n'),
    /policy FAILED .*lockstep\.yml:1 weaker gate: gate\.coverage\.patch: .*90% on main, and 50%/,
  );
  assert.equal(liveRelease(stage.database, app.id)?.commit, two);

  await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  using _turn = await stage.world.lockOf(app.id).take(AbortSignal.timeout(20_000));
  assert.equal(
    liveRelease(stage.database, app.id)?.treeId,
    (await (await stage.world.repositoryOf(app)).git.treeOf(one))!,
  );
});

test('without a lockstep.yml the defaults stand, and one that lowers them is refused until an admin asks', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, site('two', '{ style: { new: 5 } }'), one);
  const refs = [{ ref: main, from: one, to: two }];
  const refused = await stage.push(app, refs);
  assert.match(JSON.stringify(refused.verdicts.get(main)), /policy: 1 rule of main's gate would be weaker/);
  const asked = await stage.push(app, refs, { options: ['allow-weaken'] });
  assert.match(asked.said.join('\n'), /this token lacks the admin right/);

  stage.isAdmin = true;
  const landed = await stage.push(app, refs, { options: ['allow-weaken'] });
  assert.equal(landed.verdicts.get(main)?.isAccepted, true, landed.said.join('\n'));
  const events = listEvents(stage.database, stage.owner, app.id, 0, 100);
  const weakened = events.find(({ type }) => type === 'gate.weakened');
  assert.match(JSON.stringify(weakened?.data), /gate\.style\.new/);
  assert.equal(weakened?.actor, 'owner');
  const [change] = listChanges(stage.database, app.id, null, 1);
  assert.match(verdictOfChange(stage.database, app.id, change!.id)!.checks[0]!.warnings[0]!, /weakened by an admin/);
});

test("app.json's test script is held to the same, and named as the place", async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const script = (test: string) => JSON.stringify({ environments: { test: { scripts: { test } } } });
  const one = await stage.commit(app, { ...page('one'), 'app.json': script('make check') }, null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, { ...page('two'), 'app.json': script('make check || true') }, one);
  const { said } = await stage.push(app, [{ ref: main, from: one, to: two }]);
  assert.match(said.join('\n'), /policy FAILED .*app\.json weaker gate: gate\.checks\.tests: tests would be a command/);
});

test('a late start comes after the checks, and lands all the same', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, site('one', '{ prestart: late }'), null);
  await stage.land(app, one, null);
  const [change] = listChanges(stage.database, app.id, null, 1);
  const boot = verdictOfChange(stage.database, app.id, change!.id)!.checks.find(({ kind }) => kind === 'boot');
  assert.equal(boot?.outcome, 'passed');
  assert.ok(change!.moments.bootEnded! >= change!.moments.buildEnded!);
});

test('who asks for a weaker gate is known by the option and the right', () => {
  assert.equal(weakenAsked({ options: [] }, { isAdmin: () => true }), 'not');
  assert.equal(weakenAsked({ options: ['allow-weaken'] }, {}), 'without the right');
  assert.equal(weakenAsked({ options: ['allow-weaken'] }, { isAdmin: () => false }), 'without the right');
  assert.equal(weakenAsked({ options: ['allow-weaken'] }, { isAdmin: () => true }), 'by an admin');
});

test('a limit of time may be moved while it runs, and counts from its making', async () => {
  using longer = timeLimit(5);
  longer.set(600_000);
  using shorter = timeLimit(600_000);
  shorter.set(5);
  await new Promise((resolve) => shorter.signal.addEventListener('abort', resolve, { once: true }));
  assert.equal(shorter.ms, 5);
  assert.equal(longer.signal.aborted, false);
});
