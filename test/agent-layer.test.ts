// A real application through the agent's parts: its tree placed, its layers made from the package index, its tests run as
// a job under the gate's identity.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ensureAppFolders, homeFolders } from '../src/agent/folders.ts';
import { openJobs } from '../src/agent/jobs/jobs.ts';
import { layerWork } from '../src/agent/layers/layer-work.ts';
import { openLayers } from '../src/agent/layers/layers.ts';
import { detectCgroups } from '../src/agent/process/cgroup.ts';
import { launch } from '../src/agent/process/launcher.ts';
import { isAlive } from '../src/agent/process/proc.ts';
import { terminate } from '../src/agent/process/terminate.ts';
import { openToolchains } from '../src/agent/toolchains/toolchains.ts';
import { blobHash, gitTreeId } from '../src/agent/tree/git-tree-hash.ts';
import { placeTree } from '../src/agent/tree/place-tree.ts';
import { layerKey } from '../src/build/layer-key.ts';
import { layerSteps } from '../src/build/layer-steps.ts';
import { memoryTree } from '../src/build/memory-tree.ts';
import { decidePlan } from '../src/build/plan.ts';
import { isFailure } from '../src/domain/errors.ts';
import { type AppId, type JobId, makeId, type TreeId } from '../src/domain/ids.ts';
import type { JobResult, JobSpec } from '../src/domain/job.ts';
import type { LayerEvent, LayerSpec } from '../src/domain/layer.ts';
import { defaultLimits, type LayerRecipe } from '../src/domain/plan.ts';
import type { CheckPlan, GateFacts } from '../src/gate/check.ts';
import { pythonStyle } from '../src/gate/checks/python-style.ts';
import { pythonTests } from '../src/gate/checks/python-tests.ts';

const root = join(import.meta.dirname, '..');
const example = join(root, 'examples/flask-guestbook');
const ids = { liveUid: 59900, gateUid: 59901, gid: 59900 };
const home = mkdtempSync(join(tmpdir(), 'lockstep-layer-'));
chmodSync(home, 0o755);
const folders = homeFolders(home);
const cgroups = detectCgroups();
const toolchains = await openToolchains({ folders, programRoot: root, log: () => {} });
const jobs = await openJobs({ folders, toolchains, cgroups });
const layers = await openLayers({ folders, toolchains, cgroups, lingerMs: 0 });
after(async () => {
  await layers.stopAll();
  await jobs.stopAll();
  rmSync(home, { recursive: true, force: true });
});
const isRoot = process.getuid?.() === 0;
const app: AppId = makeId('app', Date.now(), randomBytes(16));
const never = new AbortController().signal;

/** Why the index cannot be asked from here; null: it can. */
const away: string | null = isRoot
  ? await toolchains.ensure('uv').then(
      () => null,
      (error: unknown) => (isFailure(error) ? `${error.message} ${JSON.stringify(error.details)}` : String(error)),
    )
  : 'needs root: identities';
const online = { skip: away ?? false };

const files = Object.fromEntries(
  globSync('**/*', { cwd: example })
    .filter((path) => lstatSync(join(example, path)).isFile() && !/__pycache__|\.pytest_cache/.test(path))
    .sort()
    .map((path) => [path, readFileSync(join(example, path))]),
);
const view = memoryTree(Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, bytes.toString()])));

async function place(copy: string): Promise<TreeId> {
  await ensureAppFolders(folders, { id: app, ...ids });
  const written = Object.entries(files).map(([path, bytes]) => {
    const hash = blobHash(bytes.length);
    hash.update(bytes);
    return { mode: '100644' as const, path: Buffer.from(path), blobId: hash.id() };
  });
  const treeId = gitTreeId(written) as TreeId;
  async function* stream() {
    for (const [path, bytes] of Object.entries(files))
      yield { mode: '100644' as const, path: Buffer.from(path), size: bytes.length, content: once(bytes) };
  }
  await placeTree(stream(), {
    expectedTreeId: treeId,
    release: { path: folders.tree(app, treeId), gid: ids.gid },
    gate: { path: folders.copy(app, copy), uid: ids.gateUid, gid: ids.gid },
  });
  return treeId;
}

async function* once(bytes: Buffer) {
  yield bytes;
}

async function layerSpec(recipe: LayerRecipe, purpose: 'run' | 'gate', salt = ''): Promise<LayerSpec> {
  const interpreter = (await toolchains.interpreters())[0]!;
  const inputs = new Map(recipe.inputs.map((path) => [path, files[path]!]));
  return {
    ...ids,
    key: layerKey({ recipe, purpose, inputs, interpreter: interpreter.id, tools: { salt } }),
    appId: app,
    interpreterId: interpreter.id,
    tools: ['uv'],
    files: Object.fromEntries([...inputs].map(([path, bytes]) => [path, bytes.toString('base64')])),
    steps: layerSteps(recipe, purpose).map((step) => ({ ...step, deadlineMs: 300_000 })),
  };
}

async function make(spec: LayerSpec): Promise<{ lines: string[]; end: LayerEvent }> {
  const lines: string[] = [];
  let end: LayerEvent | null = null;
  for await (const event of layers.make(spec, never)) {
    if ('line' in event) lines.push(event.line);
    else end = event;
  }
  return { lines, end: end! };
}

const plan = await decidePlan(view);
const facts: GateFacts = {
  paths: Object.keys(files),
  texts: new Map(Object.entries(files).map(([path, bytes]) => [path, bytes.toString()])),
  changed: null,
  testEnv: {},
};

async function check({ layer: _, ...wanted }: CheckPlan, layer: string | null): Promise<JobResult> {
  const spec: JobSpec = {
    ...ids,
    ...wanted,
    id: makeId('job', Date.now(), randomBytes(16)) as JobId,
    appId: app,
    kind: 'check',
    identity: 'gate',
    place: { copy: 'gate' },
    layerKey: layer,
    volumes: {},
    outputBytes: 1 << 20,
    limits: defaultLimits,
  };
  for await (const event of jobs.run(spec, never)) if ('result' in event) return event.result;
  throw new Error('a job without a result');
}

test(
  'the guestbook: its layers are made, its tests and its style are judged under the gate identity',
  online,
  async (t) => {
    await place('gate');
    const run = await layerSpec(plan.layer, 'run');
    const gate = await layerSpec(plan.gateLayer!, 'gate');
    const [first, again, ofGate] = await Promise.all([make(run), make(run), make(gate)]);
    assert.ok('done' in first.end, JSON.stringify(first));
    assert.ok('done' in ofGate.end, JSON.stringify(ofGate));
    assert.deepEqual(again.end, first.end, 'two requests share the work');
    t.diagnostic(`cold: run ${first.end.done.durationMs} ms, gate ${ofGate.end.done.durationMs} ms, at the same time`);
    const found = await make(run);
    assert.deepEqual(found.end, {
      done: { ...first.end.done, wasThere: true, durationMs: (found.end as typeof first.end).done.durationMs },
    });

    const layer = folders.layer(app, run.key);
    for (const path of globSync('**/*', { cwd: layer })) {
      const entry = lstatSync(join(layer, path));
      assert.equal(entry.uid, 0, path);
      if (!entry.isSymbolicLink()) assert.equal(entry.mode & 0o222, 0, path);
    }
    assert.ok(globSync('lib/python*/site-packages/flask/__pycache__/app.*.pyc', { cwd: layer }).length > 0);
    assert.ok(globSync('lib/python*/site-packages/gunicorn', { cwd: layer }).length > 0, 'the server was added');

    const tests = await check(pythonTests.plan(facts)!, gate.key);
    const [judged, covered] = [pythonTests.judge(facts, tests)].flat();
    assert.equal(judged!.outcome, 'passed', JSON.stringify([judged, tests.outputTail]));
    assert.ok(judged!.metrics.testsRun! >= 20 && covered!.metrics.coverageLines! >= 0.9, covered!.summary);
    t.diagnostic(`tests: ${judged!.summary}; ${tests.durationMs} ms`);
    const style = await check(pythonStyle.plan(facts)!, null);
    assert.equal([pythonStyle.judge(facts, style)].flat()[0]!.outcome, 'passed', JSON.stringify(style));
    t.diagnostic(`style: ${style.durationMs} ms`);

    const touch = { shell: 'echo x >"$LAYER/lib/x"; echo x >>"$LAYER/pyvenv.cfg"; rm -rf "$LAYER/bin/python"; true' };
    const nothing = {
      env: { LAYER: '{layer}' },
      files: {},
      reports: [],
      tools: [],
      deadlineMs: 10_000,
      layer: 'gate',
    } as const;
    await check({ ...nothing, command: touch }, gate.key);
    const sealed = folders.layer(app, gate.key);
    assert.ok(!existsSync(join(sealed, 'lib/x')) && existsSync(join(sealed, 'bin/python')));
    assert.equal(statSync(join(sealed, 'pyvenv.cfg')).uid, 0);
  },
);

test('a layer whose packages are in the cache is made again with the same digest', online, async (t) => {
  const spec = await layerSpec(plan.layer, 'run');
  const one = await make(spec);
  const layer = folders.layer(app, spec.key);
  // As an agent that died in the middle leaves it: a folder, and no marker.
  rmSync(`${layer}.complete`);
  rmSync(join(layer, 'bin'), { recursive: true });
  const other = await make(spec);
  assert.ok('done' in one.end && 'done' in other.end);
  assert.equal(other.end.done.wasThere, false);
  assert.equal(other.end.done.digest, one.end.done.digest);
  t.diagnostic(`warm: ${other.end.done.durationMs} ms`);
});

test('a layer that nobody waits for any more is given up, and leaves nothing', online, async () => {
  const spec = await layerSpec(plan.layer, 'run', 'given up');
  const slow = { ...spec, steps: [{ argv: ['/bin/sh', '-c', 'echo on; sleep 600'], env: {}, deadlineMs: 600_000 }] };
  const stopper = new AbortController();
  for await (const event of layers.make(slow, stopper.signal)) {
    assert.deepEqual(event, { line: 'on' });
    stopper.abort();
  }
  while (layers.inMaking(app).length > 0) await pause(5);
  assert.ok(!existsSync(folders.layer(app, spec.key)));
  const { end } = await make(spec);
  assert.ok('done' in end, JSON.stringify(end));
  const late = { ...slow, key: `${spec.key}x`, steps: [{ ...slow.steps[0]!, deadlineMs: 50 }] };
  const failed = (await make(late)).end;
  assert.ok('failed' in failed && /took longer/.test(failed.failed.outputTail.at(-1)!));
  assert.ok(!existsSync(folders.layer(app, late.key)));
});

test('what a dead agent left of a layer is ended and removed by the next agent', online, async (t) => {
  const { appId, key } = await layerSpec(plan.layer, 'run', 'left over');
  const work = layerWork(folders, { appId, key });
  const layer = folders.layer(appId, key);
  for (const folder of [work.folder, layer]) mkdirSync(folder, { recursive: true });
  const left = await launch({
    argv: ['/bin/sleep', '600'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LOCKSTEP_LAYER: work.mark },
    fifo: null,
    exitFile: null,
    cgroups: [],
    openFiles: null,
    fileBytes: null,
    limitArgv: [],
    identity: { uid: ids.gateUid, gid: ids.gid },
  });
  t.after(() => terminate({ leader: left, cgroup: null, mark: null, graceMs: 0 }));
  writeFileSync(work.record, JSON.stringify({ appId, key, process: null }));
  await openLayers({ folders, toolchains, cgroups });
  assert.ok(!isAlive(left) && !existsSync(layer) && !existsSync(work.folder));
});

test('requirements that do not resolve fail with what uv says, and leave nothing', online, async () => {
  const recipe: LayerRecipe = { ...plan.layer, extras: ['flask==0.0.0.1'] };
  const spec = await layerSpec(recipe, 'run');
  const { end } = await make(spec);
  assert.ok('failed' in end, JSON.stringify(end));
  assert.equal(end.failed.step, 1);
  assert.match(end.failed.outputTail.join('\n'), /flask/i);
  assert.ok(!existsSync(folders.layer(app, spec.key)));
});
