// What a kept verdict may stand for: the same tree under what holds now in what runs it now, or a tree that has been live.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineLook } from '../domain/engine.ts';
import type { CommitId } from '../domain/ids.ts';
import type { ImageEvent } from '../domain/image.ts';
import type { JobSpec } from '../domain/job.ts';
import { FakeWorld } from './fake-world.ts';
import { proveCandidate } from './prove.ts';

const main = 'refs/heads/main';
const app = (text: string, more: Record<string, string> = {}) => ({
  'app.py': `print("${text}")\n`,
  Procfile: 'web: python3 app.py\n',
  ...more,
});

/** The jobs that ran, by the name of what they run; style finds nothing, and tests are found when `hasTests`. */
function follow(stage: FakeWorld): { tests: number; hasTests: boolean } {
  const seen = { tests: 0, hasTests: false };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = (spec: JobSpec) => {
    if (!('run_tests.py' in spec.files)) return { reports: styleReports };
    seen.tests += 1;
    return seen.hasTests ? passing : { exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } };
  };
  return seen;
}

const styleReports = { 'style.json': '{"count":0,"findings":[]}' };
const passing = {
  exitCode: 0,
  reports: {
    'tests.json': '{"runner":"unittest","notes":[]}',
    'junit.xml': '<testsuite><testcase classname="T" name="test_a" file="t.py" time="0"/></testsuite>',
  },
};

test('what passed without tests and never landed is asked again once main has tests', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  const one = await stage.commit(blog, app('one'), null);
  await stage.land(blog, one, null);
  // It passes, and its client goes away before it lands.
  const untested = await stage.commit(blog, app('untested'), one);
  const gone = new AbortController();
  stage.agent.boot = () => {
    gone.abort();
    return { state: 'healthy', healthStatus: 200 };
  };
  const left = await stage.push(blog, [{ ref: main, from: one, to: untested }], { signal: gone.signal });
  assert.equal(left.verdicts.get(main)?.isAccepted, false);
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 200 });
  seen.hasTests = true;
  const two = await stage.commit(blog, app('two', { 'test_app.py': 'x = 1\n' }), one);
  await stage.land(blog, two, one);
  assert.equal(stage.app().hasEverRunTests, true);

  seen.hasTests = false;
  const before = seen.tests;
  const again = await stage.commit(blog, app('untested'), two);
  const refused = await stage.push(blog, [{ ref: main, from: two, to: again }]);
  assert.match(JSON.stringify(refused.verdicts.get(main)), /main has tests/);
  assert.equal(seen.tests, before + 1);

  // A tree that was live needs no tests: it comes back at once.
  const back = await stage.commit(blog, app('one'), two);
  await stage.land(blog, back, two);
  assert.equal(seen.tests, before + 1);
});

const ready = { state: 'ready', socket: '/run/engine', facts: {} } as unknown as EngineLook;
const absent: EngineLook = { state: 'absent', socket: '/run/engine', why: 'there is none', advice: 'Install one.' };
const imageOf = (digit: string): ImageEvent => ({
  built: {
    ...{ id: `sha256:${digit.repeat(64)}`, ports: [9000], hasOwnCommand: true, layers: [], wasThere: true },
    ...{ cachedSteps: 0, durationMs: 1 },
  },
});
const boxed = (text: string) => ({
  ...{ Dockerfile: 'FROM python:3.12-slim\nCOPY . .\nCMD ["python3", "app.py"]\n', 'app.py': `print("${text}")\n` },
  'test_app.py': 'x = 1\n',
});

/** Where the tests of each run were, in order: an image, or the machine. */
function followPlaces(stage: FakeWorld): { places: string[]; isRed: boolean } {
  const seen = { places: [] as string[], isRed: false };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = ({ files, place }: JobSpec) => {
    if (!('run_tests.py' in files)) return { reports: styleReports };
    seen.places.push('image' in place ? place.image.slice(7, 8) : 'machine');
    return seen.isRed ? failing : passing;
  };
  return seen;
}

const failing = {
  exitCode: 1,
  reports: {
    ...passing.reports,
    'junit.xml':
      '<testsuite><testcase classname="T" name="test_a" file="t.py"><failure message="no"/></testcase></testsuite>',
  },
};

test('an image is asked for once, and so is what its tests need', async () => {
  using stage = new FakeWorld();
  followPlaces(stage);
  stage.agent.engineLook = ready;
  stage.agent.built = [imageOf('1')];
  const { agent } = stage;
  const asked: string[] = [];
  const ask = agent.buildImage.bind(agent);
  agent.buildImage = (spec, ...more) => {
    asked.push(spec.key);
    return ask(spec, ...more);
  };
  const blog = await stage.createApp();
  await stage.land(blog, await stage.commit(blog, boxed('one'), null), null);
  assert.deepEqual([asked.length, new Set(asked).size], [2, 2]);
});

test('what was checked in one image is checked again in another, whether it passed or not, and not in the same', async () => {
  using stage = new FakeWorld();
  const seen = followPlaces(stage);
  stage.agent.engineLook = ready;
  const blog = await stage.createApp();
  const land = async (text: string, from: CommitId | null, image: string): Promise<CommitId> => {
    stage.agent.built = [imageOf(image)];
    const to = await stage.commit(blog, boxed(text), from);
    await stage.land(blog, to, from);
    return to;
  };
  let main = await land('one', null, '1');
  main = await land('two', main, '2');
  assert.deepEqual(seen.places, ['1', '2']);
  main = await land('one', main, '1');
  assert.deepEqual(seen.places, ['1', '2'], 'the tree and the image of before');
  main = await land('two', main, '3');
  assert.deepEqual(seen.places.splice(0), ['1', '2', '3'], 'what it begins with has moved');
  main = await land('one', main, '1');
  main = await land('two', main, '3');
  assert.deepEqual(seen.places, [], 'the last image is the one that counts');

  seen.isRed = true;
  stage.agent.built = [imageOf('4')];
  const red = await stage.commit(blog, boxed('three'), main);
  const push = async (): Promise<boolean> =>
    (await stage.push(blog, [{ ref: 'refs/heads/main', from: main, to: red }])).verdicts.get('refs/heads/main')!
      .isAccepted;
  assert.equal(await push(), false);
  const { length } = seen.places;
  assert.ok(length > 0);
  seen.isRed = false;
  assert.equal(await push(), false, 'refused as before, and not asked again');
  assert.equal(seen.places.length, length);
  stage.agent.built = [imageOf('5')];
  assert.equal(await push(), true, 'the image is another');
  assert.equal(seen.places.at(-1), '5');
});

test('what was checked on the machine, where there was no engine, is checked in the image before it lands', async () => {
  using stage = new FakeWorld();
  const seen = followPlaces(stage);
  stage.agent.engineLook = ready;
  stage.agent.built = [imageOf('1')];
  const blog = await stage.createApp();
  const main = await stage.commit(blog, boxed('one'), null);
  await stage.land(blog, main, null);
  stage.agent.engineLook = absent;
  const to = await stage.commit(blog, boxed('two'), main);
  const about = { app: stage.app(), change: null, repository: await stage.world.repositoryOf(blog) };
  const { git } = about.repository;
  const check = async () => {
    const proof = await proveCandidate(stage.world, {
      ...{ ...about, tree: (await git.treeOf(to))!, baseTree: await git.treeOf(main), configVersion: null },
      ...{ description: '', reading: null, isRecheck: false, weaken: 'not', onGate: () => {}, say: () => {} },
      ...{ moment: () => {}, onCandidate: () => {}, afterwards: () => {}, signal: new AbortController().signal },
    });
    return [proof.verdict?.outcome, proof.isMemoised];
  };
  assert.deepEqual(await check(), ['passed', false]);
  assert.deepEqual(await check(), ['passed', true]);
  stage.agent.engineLook = ready;
  stage.agent.built = [imageOf('2')];
  assert.deepEqual(await check(), ['passed', false]);
  assert.deepEqual(await check(), ['passed', true]);
  assert.deepEqual(seen.places, ['1', 'machine', '2']);
  await stage.land(blog, to, main);
  assert.deepEqual(seen.places, ['1', 'machine', '2']);
});
