// A tree that is built before it is served: made by the agent from the release directory under the gate's identity, sealed,
// run in, kept by the collector, asked for again when it is lost.
import assert from 'node:assert/strict';
import { globSync, readFileSync, readlinkSync } from 'node:fs';
import { lstat, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtSpec } from '../src/build/built-tree.ts';
import type { DesiredApp } from '../src/domain/desired.ts';
import type { TreeId } from '../src/domain/ids.ts';
import type { JobSpec } from '../src/domain/job.ts';
import type { LayerEvent, LayerSpec } from '../src/domain/layer.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { machine, newId } from './support/agent-machine.ts';

const isRoot = process.getuid?.() === 0;
const never = new AbortController().signal;

type Box = Awaited<ReturnType<typeof machine>>;

function spec(app: DesiredApp, treeId: TreeId, script: string, more: Partial<LayerSpec> = {}): LayerSpec {
  const recipe = {
    interpreter: { kind: 'none' },
    needs: [],
    tools: [],
    files: { 'note.txt': 'of ours' },
    steps: [{ argv: ['/bin/sh', '-c', script, 'sh', '{layer}', '{inputs}/note.txt'], env: {} }],
  } as const;
  const plan = { volumes: { data: 'data' } };
  const keys = { run: null, gate: null };
  return {
    ...builtSpec({ app, treeId, plan, recipe, hello: { interpreters: [] } as never, notes: [], keys }),
    ...more,
  };
}

async function make(box: Box, wanted: LayerSpec): Promise<{ lines: string[]; end: LayerEvent | null }> {
  const lines: string[] = [];
  let end: LayerEvent | null = null;
  for await (const event of box.client.makeLayer(wanted, never)) {
    if ('line' in event) lines.push(event.line);
    else end = event;
  }
  return { lines, end };
}

const digestOf = (end: LayerEvent | null) => (end && 'done' in end ? end.done.digest : null);

test('a tree is built under the gate identity, served from there, kept, and asked for again when it is lost', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app, { 'in.txt': 'source', 'data/.gitkeep': '' });
  const script = 'id -u; test "$PWD" = "$1" && cat in.txt "$2" >out.txt && echo changed >in.txt';
  const wanted = spec(app, treeId, script);
  const { lines, end } = await make(box, wanted);
  assert.ok(digestOf(end), JSON.stringify([end, lines]));
  if (isRoot) assert.deepEqual(lines, [String(app.gateUid)]);

  const built = box.folders.layer(app.id, wanted.key);
  assert.equal(await readFile(join(built, 'out.txt'), 'utf8'), 'sourceof ours');
  const source = join(box.folders.tree(app.id, treeId), 'in.txt');
  assert.equal(await readFile(source, 'utf8'), 'source', 'the release directory is what was pushed');
  const entry = await lstat(join(built, 'out.txt'));
  assert.deepEqual([entry.mode & 0o222, isRoot ? entry.uid : 0], [0, 0]);

  const artifact = { digest: `sha256:${'0'.repeat(64)}` as never, treeId, layerKey: null, builtKey: wanted.key };
  const set = box.set(treeId, 'serve', { artifact, volumes: { data: 'data' } });
  await box.put({ ...app, routed: set.id, sets: [{ ...set, stage: 'live' }] });
  const instance = await box.ofSet(set, 'healthy');
  assert.equal(readlinkSync(`/proc/${instance.pid}/cwd`), built);
  assert.deepEqual(
    await box.client.hashLayer(app, wanted.key).then(({ digest, sealed }) => digest === sealed && digest),
    digestOf(end),
    'the links to its volumes do not change it',
  );

  // The collector knows what an instance stands on, though nobody names it.
  await box.client.collect(app, { treeIds: [], layerKeys: [], imageIds: [] });
  assert.ok((await lstat(join(built, 'out.txt'))).isFile());

  const job: JobSpec = {
    ...app,
    id: newId('job'),
    appId: app.id,
    kind: 'run',
    identity: 'live',
    place: { treeId, builtKey: wanted.key },
    ...{ layerKey: null, tools: [], env: {}, files: {}, reports: [], volumes: {} },
    command: { shell: 'cat out.txt; echo more >out.txt' },
    ...{ deadlineMs: 20_000, outputBytes: 1 << 16, limits: defaultLimits },
  };
  const ran = await box.client.runJob(job, { signal: never });
  assert.match(ran.outputTail.join('\n'), /sourceof ours/);
  assert.notEqual(ran.exitCode, 0, 'nobody writes into a built tree');

  // Lost: the next start says so, and what made it makes it again.
  await box.client.distrustLayer(app, wanted.key);
  const next = { ...box.set(treeId, 'serve', { artifact }), stage: 'live' as const };
  await box.put({ ...app, routed: set.id, sets: [{ ...set, stage: 'live' }, next] });
  const lacking = await box.instance('one that lacks', (one) => one.setId === next.id && (one.lacks?.length ?? 0) > 0);
  assert.deepEqual(lacking.lacks, ['layer']);
  assert.equal(digestOf((await make(box, wanted)).end), digestOf(end));
  await box.ofSet(next, 'healthy');
});

test('a build that fails, or whose tree or layer is not there, leaves nothing and says why', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  const red = spec(app, treeId, 'echo no such module >&2; exit 3');
  const { end } = await make(box, red);
  assert.ok(end && 'failed' in end && end.failed.exitCode === 3 && end.failed.outputTail.includes('no such module'));
  await assert.rejects(lstat(box.folders.layer(app.id, red.key)), { code: 'ENOENT' });
  await assert.rejects(make(box, spec(app, 'f'.repeat(40) as TreeId, 'true')), { code: 'not-found' });
  await assert.rejects(make(box, spec(app, treeId, 'true', { needs: ['e'.repeat(64)] })), { code: 'not-found' });
  // Another tree, other steps: another name.
  assert.notEqual(spec(app, treeId, 'true').key, red.key);
  assert.notEqual(spec(app, 'f'.repeat(40) as TreeId, 'true').key, spec(app, treeId, 'true').key);
  await rm(box.folders.tree(app.id, treeId), { recursive: true });
  await assert.rejects(make(box, spec(app, treeId, 'true')), { code: 'not-found' });
});

test('a build that forks away and writes where it should not leaves neither', { skip: !isRoot }, async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const [app, other] = [box.app(), box.app({ liveUid: 59_810, gateUid: 59_811, gid: 59_810 })];
  const [treeId, theirs] = [await box.tree(app), await box.tree(other)];
  const mark = `mark-${newId('job').slice(-8)}`;
  const script = [
    `setsid sh -c 'sleep 600; : ${mark}' >/dev/null 2>&1 &`,
    `cat ${box.folders.tree(other.id, theirs)}/app.py && echo READ`,
    `touch ${box.folders.tree(app.id, treeId)}/x && echo WROTE`,
    `touch ${box.home}/x ${box.folders.agent}/x && echo WROTE`,
    'ln -s /etc/passwd gone; echo done',
  ].join('\n');
  const wanted = spec(app, treeId, `(${script}) 2>&1; true`);
  const { lines, end } = await make(box, wanted);
  assert.ok(digestOf(end), JSON.stringify(end));
  assert.ok(lines.includes('done') && !lines.some((line) => /READ|WROTE/.test(line)), lines.join('\n'));
  const left = globSync('/proc/[0-9]*/cmdline').filter((file) => {
    try {
      return readFileSync(file, 'utf8').includes(mark);
    } catch {
      return false; // it ended
    }
  });
  assert.deepEqual(left, []);
  // A link stays a link: sealing follows none.
  assert.equal((await lstat('/etc/passwd')).mode & 0o200, 0o200);
});
