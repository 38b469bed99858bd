// Documentation is what the live release names: it comes with the commit that landed, goes back with a rollback, stays with a
// change of config, and is not touched by what did not land.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../domain/app.ts';
import type { Kept } from '../domain/collected.ts';
import { fail } from '../domain/errors.ts';
import type { Digest, JobId } from '../domain/ids.ts';
import type { Pack } from '../published/pack.ts';
import { liveDocs, liveRelease } from '../store/releases.ts';
import { collectFolders } from './collect-folders.ts';
import { editOf, startConfigChange } from './config-release.ts';
import { FakeWorld } from './fake-world.ts';
import { collectShelf } from './housekeeping.ts';
import { recover } from './recover.ts';
import { startRollback } from './rollback.ts';

const main = 'refs/heads/main';
const site = (text: string) => ({ 'app.py': `print("${text}")\n`, Procfile: 'web: python3 app.py\n' });
const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;

/** Checks whose style job leaves the documentation that `docs` names; style is red when `isRed`. */
function follow(stage: FakeWorld) {
  const seen = { docs: null as string | null, isRed: false };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = (spec) => {
    if ('run_tests.py' in spec.files) return { exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } };
    const one = { file: 'app.py', line: 1, rule: 'E1', message: 'red' };
    const style = seen.isRed ? { count: 1, findings: [one] } : { count: 0, findings: [] };
    const kept: Kept[] = seen.docs
      ? [{ digest: digest(seen.docs), files: 1, bytes: 1, problem: null, warnings: [] }]
      : [];
    return { reports: { 'style.json': JSON.stringify(style) }, collected: { ...(kept[0] ? { docs: kept[0] } : {}) } };
  };
  return seen;
}

const served = (stage: FakeWorld, app: App) => liveDocs(stage.database, app.name)?.sites.map((one) => one.digest[7]);

async function ended(stage: FakeWorld, id: string): Promise<boolean> {
  for await (const step of stage.world.progress.follow(id as never, AbortSignal.timeout(20_000))!)
    if ('end' in step) return step.end.ok;
  return false;
}

test('what is served is what the live release names: a push, a red push, a config change, a rollback', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  assert.deepEqual(served(stage, blog), []);
  seen.docs = 'a';
  const one = await stage.commit(blog, site('one'), null);
  const first = await stage.push(blog, [{ ref: main, from: null, to: one }]);
  assert.ok(first.said.includes('docs: http://docs--blog.test'), first.said.join('\n'));
  assert.deepEqual(served(stage, blog), ['a']);
  seen.docs = 'b';
  const two = await stage.commit(blog, site('two'), one);
  await stage.land(stage.app(), two, one);
  assert.deepEqual(served(stage, blog), ['b']);
  Object.assign(seen, { docs: 'c', isRed: true });
  const bad = await stage.commit(blog, site('bad'), two);
  const { verdicts } = await stage.push(stage.app(), [{ ref: main, from: two, to: bad }]);
  assert.equal(verdicts.get(main)?.isAccepted, false);
  assert.deepEqual(served(stage, blog), ['b']);

  const asked = { actor: 'owner', description: 'config', cause: 'config' as const };
  const edit = editOf({ set: new Map([['KEY', 'value']]), unset: [] });
  const { id } = await startConfigChange(stage.world, stage.app(), edit, asked);
  assert.equal(await ended(stage, id!), true);
  assert.deepEqual(served(stage, blog), ['b']);

  Object.assign(seen, { docs: 'd', isRed: false });
  const back = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  assert.equal(await ended(stage, back.id), true);
  assert.deepEqual(served(stage, blog), ['a'], 'as it was checked then');

  seen.docs = null;
  const tip = liveRelease(stage.database, blog.id)!.commit;
  const none = await stage.commit(blog, site('none'), tip);
  const last = await stage.push(stage.app(), [{ ref: main, from: tip, to: none }]);
  assert.deepEqual(served(stage, blog), [], last.said.join('\n'));
  assert.ok(!last.said.some((line) => line.startsWith('docs:')));
});

test('a control that dies after main has moved serves the new documentation once it is back', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  seen.docs = 'a';
  const one = await stage.commit(blog, site('one'), null);
  await stage.land(blog, one, null);
  seen.docs = 'b';
  const two = await stage.commit(blog, site('two'), one);
  const hangs = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  stage.agent.beforeDocument = async (state) => {
    const theirs = state.apps.find(({ id }) => id === blog.id);
    const release = theirs?.sets.find(({ id }) => id === theirs.routed);
    if (release?.releaseLabel !== 'v2' || release.stage !== 'live') return;
    reached.resolve();
    await hangs.promise;
  };
  const pushed = stage.push(stage.app(), [{ ref: main, from: one, to: two }]);
  await reached.promise;
  assert.deepEqual(served(stage, blog), ['a'], 'main has moved, and the switch is not done');
  stage.agent.beforeDocument = () => {};
  const world = stage.restart();
  assert.equal((await recover(world)).rolledForward, 1);
  await world.lockOf(blog.id).take(AbortSignal.timeout(20_000));
  assert.deepEqual(served(stage, blog), ['b']);
  hangs.resolve();
  await pushed.catch(() => {});
});

test('folders of a job are kept whole, and what is not kept says why', async () => {
  using stage = new FakeWorld();
  const blog = await stage.createApp();
  const job = 'job_00000000000000000000000000' as JobId;
  const texts: Record<string, Record<string, string>> = {
    docs: { 'index.html': 'home', 'a/b': 'x' },
    other: { a: 'x' },
    empty: {},
  };
  stage.agent.folder = (_id, name) => {
    if (name === 'large') throw fail('too-large', 'it holds more than 64 MiB');
    return texts[name] ?? stage.agent.folderNotThere();
  };
  const folders = { docs: 'site', other: 'html', empty: 'e', nothing: 'n', large: 'l' };
  const kept = await collectFolders(stage.world, blog, job, folders);
  const problems = Object.fromEntries(Object.entries(kept).map(([name, { problem }]) => [name, problem]));
  assert.deepEqual(problems, {
    docs: null,
    other: null,
    empty: 'the folder e is empty',
    nothing: 'it wrote no folder n',
    large: 'it holds more than 64 MiB',
  });
  const pack: Pack = (await stage.world.shelf.hold(blog.id, kept.docs!.digest!))!;
  assert.deepEqual([...pack.files.keys()], ['a/b', 'index.html']);
  pack.letGo();
  texts.docs = { 'start.html': 'no index' };
  assert.equal(
    (await collectFolders(stage.world, blog, job, { docs: 'site' })).docs?.problem,
    'site holds no index.html',
  );
  await collectShelf(stage.world, blog);
  assert.equal(await stage.world.shelf.has(blog.id, kept.docs!.digest!), true, 'what was just put is not old');
});

test('an agent that is away for a moment is asked again', async () => {
  using stage = new FakeWorld();
  const blog = await stage.createApp();
  let tries = 0;
  stage.agent.folder = () => {
    tries += 1;
    if (tries < 3) throw fail('agent-away', 'it is gone');
    return { 'index.html': 'home' };
  };
  const kept = await collectFolders(stage.world, blog, 'job_0' as JobId, { docs: 'site' });
  assert.deepEqual([kept.docs?.problem, tries], [null, 3]);
});
