import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../domain/app.ts';
import type { EngineLook } from '../domain/engine.ts';
import type { CommitId } from '../domain/ids.ts';
import { FakeWorld } from './fake-world.ts';
import { spareMs, within } from './spare-time.ts';

test('a check has as much time as it always ended before the tests of the image; style, and what is not known, has none', () => {
  const runs: Record<string, number[]> = {
    tests: [900, 1000, 950, 10],
    docs: [300, 250, 400, 9000],
    types: [2000, 1, 1],
    lint: [1, 1],
  };
  const spareOf = (name: string, kind: 'docs' | 'style' | 'types' | 'custom', tests = ['tests']) =>
    spareMs({ name, kind }, tests, (one) => runs[one] ?? []);
  assert.equal(spareOf('docs', 'docs'), 500);
  assert.equal(spareOf('docs', 'docs', []), 0, 'no tests run in an image');
  assert.equal(spareOf('docs', 'docs', ['tests', 'tests (api)']), 0, 'nothing is known of one of them');
  assert.deepEqual([spareOf('types', 'types'), spareOf('lint', 'custom'), spareOf('docs', 'style')], [0, 0, 0]);
});

test('it is waited for no longer than somebody waits, and a failure is nobody’s here', async () => {
  const never = new Promise<never>(() => {});
  const stop = new AbortController();
  await within(2 ** 31 - 1, Promise.reject(new Error('no image')), stop.signal);
  await within(1, never, stop.signal);
  const waiting = within(2 ** 31 - 1, never, stop.signal);
  stop.abort();
  await waiting;
  await within(2 ** 31 - 1, never, stop.signal);
});

const noFindings = '{"count":0,"findings":[]}';

/** Says in which order the agent heard of what; the image is there a while after it has heard of the style check. */
function pythonInImage(stage: FakeWorld, seen: string[]) {
  const { agent } = stage;
  agent.engineLook = { state: 'ready', socket: '/run/engine', facts: {} } as unknown as EngineLook;
  agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  const facts = { id: `sha256:${'1'.repeat(64)}`, ports: [9000], hasOwnCommand: true, layers: [], wasThere: true };
  agent.built = [{ built: { ...facts, cachedSteps: 0, durationMs: 1 } }];
  let heard = Promise.withResolvers<void>();
  const build = agent.buildImage.bind(agent);
  agent.buildImage = async function* (...asked) {
    await heard.promise;
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    yield* build(...asked);
    seen.push('image');
  };
  agent.job = ({ files, place }) => {
    if ('image' in place) {
      const reports = { 'tests.json': '{"runner":"pytest","executed":1,"exitCode":0}', 'junit.xml': '<testsuite/>' };
      return { reports, durationMs: 60_000 };
    }
    if (files['own.sh']?.includes('lint.sh')) {
      seen.push('lint');
      return { durationMs: 1 };
    }
    if ('pep8.py' in files) {
      seen.push('style');
      heard.resolve();
    }
    return { reports: { 'style.json': noFindings, 'docstrings.json': noFindings } };
  };
  const Dockerfile = 'FROM python:3.12-slim\nCOPY . .\nCMD ["python3", "app.py"]\n';
  const yml = 'gate:\n  checks:\n    lint: { run: sh lint.sh, in: server }\n';
  return {
    async land(app: App, text: string, from: CommitId | null): Promise<CommitId> {
      heard = Promise.withResolvers();
      const tree = { Dockerfile, 'app.py': `x = ${text}\n`, 'test_app.py': 'y = 1\n', 'lockstep.yml': yml };
      const to = await stage.commit(app, tree, from);
      await stage.land(app, to, from);
      return to;
    },
  };
}

test('a check with time begins when the image is there, and style at once', async () => {
  using stage = new FakeWorld();
  const seen: string[] = [];
  const world = pythonInImage(stage, seen);
  const app = await stage.createApp();
  let from: CommitId | null = null;
  for (const text of ['1', '2', '3']) from = await world.land(app, text, from);
  assert.ok(seen.indexOf('lint') < seen.indexOf('image'), `nothing is known at first: ${seen.join()}`);
  seen.length = 0;
  await world.land(app, '4', from);
  const begun = (name: string) => seen.indexOf(name);
  assert.ok(begun('style') < begun('image'), seen.join());
  assert.ok(begun('lint') > begun('image'), seen.join());
});
