// The journey of a change whose artifact is an image, on an agent in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageMaking } from '../build/image-making.ts';
import { asItIs } from '../build/tests-in-image.ts';
import type { EngineLook } from '../domain/engine.ts';
import { fail } from '../domain/errors.ts';
import type { CommitId } from '../domain/ids.ts';
import { listChanges } from '../store/changes.ts';
import { findArtifact, liveRelease, worthKeeping } from '../store/releases.ts';
import { FakeWorld } from './fake-world.ts';
import { collectApp } from './housekeeping.ts';
import { placeForTests } from './image.ts';

const ready = { state: 'ready', socket: '/run/engine', facts: {} } as unknown as EngineLook;
const files = { Dockerfile: 'FROM debian:12\nEXPOSE 9000\nCMD ["/serve"]\n' };
const inPython = {
  Dockerfile: 'FROM python:3.12-slim\nCOPY . .\nCMD ["python3", "app.py"]\n',
  'requirements.txt': 'flask==3.1.0\n',
  'test_app.py': 'x = 1\n',
};
const noFindings = '{"count":0,"findings":[]}';
const id = (digit: string) => `sha256:${digit.repeat(64)}`;
const built = (digit: string) => ({
  built: {
    id: id(digit),
    ports: [9000],
    hasOwnCommand: true,
    layers: [],
    wasThere: false,
    cachedSteps: 0,
    durationMs: 1200,
  },
});

test('a push becomes an image, and what is live and kept is named by its id', async () => {
  using stage = new FakeWorld();
  stage.agent.engineLook = ready;
  stage.agent.built = [{ line: '[1/1] FROM debian:12' }, built('1')];
  const app = await stage.createApp();
  const one = await stage.commit(app, files, null);
  const { said } = await stage.push(app, [{ ref: 'refs/heads/main', from: null, to: one }]);
  const live = liveRelease(stage.database, app.id);
  assert.ok(live, said.join('\n'));
  assert.ok(said.some((line) => line.includes(`image ${'1'.repeat(12)} built in 1.2s`)));
  const image = { id: id('1'), ports: [9000], hasOwnCommand: true, isGenerated: false };
  assert.deepEqual(findArtifact(stage.database, app.id, live.artifactDigest)?.image, image);
  const set = stage.agent.documents.at(-1)?.apps[0]?.sets[0];
  assert.deepEqual(set?.artifact, { digest: live.artifactDigest, treeId: live.treeId, layerKey: null, image });
  assert.equal(set?.processes[0]?.command, null);
  assert.deepEqual(worthKeeping(stage.database, app.id, 10).imageIds, [id('1')]);
});

test('a build that fails rejects with its last lines; an engine that is away is no verdict; none at all says what to install', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const push = async (text: string) => {
    const to = await stage.commit(app, { ...files, 'a.txt': text }, null);
    const { said } = await stage.push(app, [{ ref: 'refs/heads/main', from: null, to }]);
    return { said: said.join('\n'), state: listChanges(stage.database, app.id, null, 1)[0]?.state };
  };
  const none = await push('1');
  assert.equal(none.state, 'rejected');
  assert.match(
    none.said,
    /there is no container engine: there is no \/run\/engine\. Install one\. With "runtime: process"/,
  );
  stage.agent.engineLook = ready;
  stage.agent.built = [{ line: 'x' }, { failed: { why: 'RUN make: exit code: 2', outputTail: ['cc: not found'] } }];
  const failed = await push('2');
  assert.equal(failed.state, 'rejected');
  assert.match(failed.said, /the image could not be built: RUN make: exit code: 2/);
  assert.match(failed.said, /cc: not found/);
  stage.agent.buildImage = async function* () {
    yield* [];
    throw fail('engine-away', 'The build was broken off: socket hang up');
  };
  assert.equal((await push('3')).state, 'infra-error');
  assert.equal(liveRelease(stage.database, app.id), null);
});

test('what the checks on the machine need is made once, and stays when the rest is collected', async () => {
  using stage = new FakeWorld();
  const { agent } = stage;
  agent.engineLook = ready;
  agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  agent.job = () => ({ reports: { 'style.json': noFindings, 'docstrings.json': noFindings } });
  const app = await stage.createApp();
  let from: CommitId | null = null;
  for (const digit of ['1', '2', '3']) {
    agent.built = [built(digit)];
    const tree = { ...inPython, 'app.py': `"""Page ${digit}."""\n` };
    const to = await stage.commit(app, tree, from);
    await stage.land(app, to, from);
    from = to;
    await collectApp(stage.world, app);
  }
  assert.equal(agent.made.length, 2, 'what would serve without an image, whose versions bind the other, and that one');
  assert.deepEqual([...agent.layers], [agent.made[1]]);
});

test('what checks need is installed in the image itself where what it began with has no pip; what cannot be had is said, and no failure', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const place = async (fails: Record<string, string>) => {
    const asked: string[] = [];
    stage.agent.buildImage = async function* ({ key }) {
      asked.push(key);
      yield fails[key] === undefined ? built('1') : { failed: { why: fails[key], outputTail: [] } };
    };
    const making = (key: string) =>
      ({
        spec: { key },
        asks: { secrets: [], registries: [] },
        context: async function* () {},
      }) as never as ImageMaking;
    const tools = (_layers: readonly string[], _pinned = {}, isOfItself = false) =>
      making(isOfItself ? 'itself' : 'base');
    const forTests = { ...asItIs, tools };
    const { signal } = new AbortController();
    const found = await placeForTests(stage.world, app, making('served'), { forTests }, () => {}, signal);
    return [typeof found === 'string' ? found : found.tools, asked.slice(1)];
  };
  const pip = '[2/8] RUN python3 -m pip install --quiet uv==1: exit code: 127';
  const none = '[1/8] RUN mkdir -p /lockstep/inputs: exit code: 1';
  assert.deepEqual(await place({}), [id('1'), ['base']]);
  assert.deepEqual(await place({ base: pip }), [id('1'), ['base', 'itself']]);
  assert.deepEqual(await place({ base: none }), ['what it begins with has no shell', ['base']]);
  assert.deepEqual(await place({ base: pip, itself: pip }), [
    'what it begins with has no pip that works',
    ['base', 'itself'],
  ]);
  const npm = '[4/8] RUN command -v npm >/dev/null: exit code: 127';
  assert.deepEqual(await place({ base: npm }), [id('1'), ['base', 'itself']]);
  await assert.rejects(place({ served: 'RUN make: exit code: 2' }), { code: 'install-failed' });
});
