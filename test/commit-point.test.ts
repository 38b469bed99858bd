// The commit point: control, agent and router are each killed between the passed verdict and main's advance, and between the
// advance and the switch. Before, main does not move; after, the switch completes by itself once they are back. A visitor
// watches through all of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Holds } from './support/holds.ts';
import { leftOver } from './support/left-over.ts';
import { PageWatch } from './support/page-watch.ts';
import { root, Stage, until } from './support/stage.ts';

const app = 'pool';
/** In the order in which a landing passes them. */
const places = {
  'before the advance': 'control.before-advance',
  'after the advance': 'control.after-advance',
  'when the agent has kept the document': 'agent.after-desired-saved',
  'when the agent is about to switch': 'agent.before-route-switch',
} as const;
type Place = keyof typeof places;
type Who = 'control' | 'agent' | 'router';

let stage: Stage;
let holds: Holds;
let watch: PageWatch;
let work: string;
let page = 0;

before(async () => {
  stage = await Stage.open();
  await stage.down();
  holds = new Holds(join(stage.folder, 'holds'), Object.values(places));
  await stage.up(holds.env);
  work = await stage.makeApp(app, join(root, 'examples', 'static-site'));
  await nextPage();
  await stage.deploy(work);
  watch = new PageWatch(stage, app, /<h1>Tide Pool (\d+)/);
});
after(async () => {
  await watch?.[Symbol.asyncDispose]();
  await holds?.[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

async function nextPage(): Promise<string> {
  page += 1;
  return stage.edit(work, 'index.html', /<h1>.*<\/h1>/, `<h1>Tide Pool ${page}</h1>`);
}

async function mainNow(): Promise<string> {
  const listed = await stage.git(work, 'ls-remote', 'lockstep', 'refs/heads/main');
  assert.equal(listed.code, 0, listed.stderr);
  return listed.stdout.slice(0, 40);
}

/** Kills one of the three, lets the promotion go on, and resolves when the three are there again. */
async function killAndGoOn(who: Who): Promise<void> {
  const before = stage.pids();
  if (who === 'agent') {
    await stage.killAgent();
    holds.goOn();
    await stage.up(holds.env);
    assert.deepEqual({ ...stage.pids(), agent: 0 }, { ...before, agent: 0 });
    return;
  }
  const back = async (): Promise<void> => {
    process.kill(before[who], 'SIGKILL');
    holds.goOn();
    await until(
      async () =>
        stage.pids()[who] !== before[who] && (await stage.api(`/apps/${app}`).catch(() => null))?.status === 200,
      15_000,
      () => `${who} did not come back\n${stage.logs()}`,
    );
  };
  await (who === 'router' ? watch.excuse(back) : back());
}

/** Pushes the next page and stops the landing at `place`. */
async function pushUpTo(place: Place) {
  const commit = await nextPage();
  holds.catch(places['after the advance']);
  if (place === 'before the advance') holds.catch(places[place]);
  const pushing = stage.push(work);
  await Promise.race([holds.reached(), pushing.then(({ stderr }) => assert.fail(`it ended before: ${stderr}`))]);
  if (place !== 'before the advance' && place !== 'after the advance') {
    // The agent passes its own places at every document: only the one of the switch is meant.
    holds.goOn(places[place]);
    await holds.reached();
  }
  return { commit, pushing };
}

async function serves(number: number): Promise<void> {
  await until(
    () => watch.newest === number,
    20_000,
    () => `page ${watch.newest} is served, not ${number}\n${stage.logs()}`,
  );
}

for (const who of ['control', 'agent', 'router'] as const) {
  test(`${who} killed before the advance: main stays, the old page is served, and the next push lands from the memo`, async () => {
    const mainBefore = await mainNow();
    const { commit, pushing } = await pushUpTo('before the advance');
    await killAndGoOn(who);
    const pushed = await pushing;
    assert.notEqual(pushed.code, 0, pushed.stderr);
    if (who === 'agent') assert.match(pushed.stderr, /! \[remote rejected\] main -> main \(.*agent does not answer/);
    const { release } = await stage.inSync(app);
    assert.equal(release.commit, mainBefore);
    assert.equal(await mainNow(), mainBefore);
    const ended = await stage.lastChange(app);
    assert.ok(['infra-error', 'cancelled'].includes(ended.state), ended.state);
    assert.ok(ended.reason.length > 0);
    assert.equal(watch.newest, page - 1);
    await stage.deploy(work);
    const landed = await stage.lastChange(app);
    assert.deepEqual([landed.state, landed.isMemoised, landed.head], ['landed', true, commit]);
    await serves(page);
    assert.deepEqual(watch.problems(), []);
  });
}

for (const place of Object.keys(places).slice(1) as Place[]) {
  for (const who of ['control', 'agent', 'router'] as const) {
    test(`${who} killed ${place}: the switch completes by itself`, async () => {
      const { commit, pushing } = await pushUpTo(place);
      await killAndGoOn(who);
      const pushed = await pushing;
      await serves(page);
      const { release, main } = await stage.inSync(app);
      assert.deepEqual([release.commit, main.commit], [commit, commit]);
      assert.equal((await stage.lastChange(app)).state, 'landed');
      // Whoever could still be told the truth was told it, and the others find it.
      if (who === 'agent') assert.match(pushed.stderr, /live: http/);
      if (pushed.code !== 0) assert.match((await stage.push(work)).stderr, /Everything up-to-date/);
      assert.deepEqual(watch.problems(), []);
    });
  }
}

test('agent and the new instance killed after the advance: what served goes on until the new one is up again', async () => {
  const serving = (await stage.inSync(app)).instances.map(({ pid }: { pid: number }) => pid);
  const { commit, pushing } = await pushUpTo('after the advance');
  const { instances } = await stage.status(app);
  const started = instances.filter(({ pid }: { pid: number }) => !serving.includes(pid));
  assert.equal(started.length, 1);
  await stage.killAgent();
  process.kill(started[0].pid, 'SIGKILL');
  // An answer of control's: by then it has heard that the agent is gone.
  await stage.status(app);
  holds.goOn();
  await stage.up(holds.env);
  await until(
    async () => {
      const now = (await stage.status(app)).instances;
      assert.ok(
        now.some(({ state }: { state: string }) => state === 'healthy'),
        `what served was taken away: ${JSON.stringify(now)}`,
      );
      return watch.newest === page;
    },
    20_000,
    () => `page ${watch.newest} is served`,
  );
  assert.match((await pushing).stderr, /live: http/);
  assert.equal((await stage.inSync(app)).main.commit, commit);
  assert.deepEqual(watch.problems(), []);
});

for (const [what, words] of [
  ['a config release', ['config', 'set', 'MOOD=sunny']],
  ['a restart', ['restart']],
] as const) {
  test(`control killed during the switch of ${what}: it is live when control is back`, async () => {
    const before = await stage.inSync(app);
    holds.catch('agent.after-desired-saved');
    const asking = stage.lockstep([...words, '-a', app]);
    // The first document starts the new instance beside the old one, the second switches.
    await holds.reached();
    holds.goOn('agent.before-route-switch');
    await holds.reached();
    await killAndGoOn('control');
    await asking;
    const after = await stage.inSync(app);
    assert.equal(after.release.version, before.release.version + (what === 'a restart' ? 0 : 1));
    assert.notEqual(after.instances.at(-1).pid, before.instances[0].pid);
    if (what !== 'a restart')
      assert.deepEqual((await stage.api(`/apps/${app}/config?reveal=true`)).body.entries, { MOOD: 'sunny' });
    assert.deepEqual(watch.problems(), []);
  });
}

test('nothing of all this was seen by the visitor, and every change of the app has ended', async () => {
  assert.ok(watch.requests > 1000, `${watch.requests} requests`);
  assert.deepEqual(watch.problems(), []);
  const { items } = (await stage.api(`/apps/${app}/changes?limit=100`)).body;
  assert.equal(items.filter((one: { endedAtMs: number | null }) => one.endedAtMs === null).length, 0);
  const versions = (await stage.api(`/apps/${app}/releases?limit=100`)).body.items
    .filter((one: { version: number | null }) => one.version !== null)
    .map((one: { version: number }) => one.version);
  assert.deepEqual(
    versions,
    versions.map((_: number, at: number) => versions.length - at),
  );
});
