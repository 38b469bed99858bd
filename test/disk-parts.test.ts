// Every part that writes, on a disk that has no room and then has some again: it fails with a name and leaves nothing half done,
// what was there before stays whole, and the same thing asked again works.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureAppFolders, homeFolders } from '../src/agent/folders.ts';
import { openJobs } from '../src/agent/jobs/jobs.ts';
import { AppLog } from '../src/agent/logs/app-log.ts';
import { openToolchains } from '../src/agent/toolchains/toolchains.ts';
import { blobHash, gitTreeId } from '../src/agent/tree/git-tree-hash.ts';
import { placeTree } from '../src/agent/tree/place-tree.ts';
import { decodeTree, encodeTree, type TreeFile } from '../src/agent/tree/tree-stream.ts';
import { diskFailure } from '../src/domain/disk-failure.ts';
import { isFailure } from '../src/domain/errors.ts';
import type { InstanceId, TreeId } from '../src/domain/ids.ts';
import type { JobSpec } from '../src/domain/job.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { atomicWrite } from '../src/lib/atomic-write.ts';
import { ListFile } from '../src/lib/list-file.ts';
import { loadSnapshot, SnapshotFile } from '../src/router/snapshot-file.ts';
import { routeOf, snapshotOf } from '../src/router/test-router.ts';
import { keepCopy } from '../src/store/copies.ts';
import { openDatabase } from '../src/store/open.ts';
import { stageGitHttp } from './stages/git-http.ts';
import { newId } from './support/agent-machine.ts';
import { SmallDisk } from './support/small-disk.ts';

/** `attempt` does the thing; `isWhole` looks at what there is, whether that has worked or not. */
type Part = { attempt(): Promise<unknown>; isWhole(hasWorked: boolean): Promise<void> };

const parts: Record<string, (folder: string) => Promise<Part>> = {
  async 'a tree'(folder) {
    const content = randomBytes(200_000);
    const file: TreeFile = { mode: '100644', path: Buffer.from('page'), size: content.length, content };
    const hash = blobHash(content.length);
    hash.update(content);
    const id = gitTreeId([{ mode: '100644', path: file.path, blobId: hash.id() }]) as TreeId;
    const trees = join(folder, 'trees');
    mkdirSync(trees);
    return {
      attempt: () =>
        placeTree(decodeTree(encodeTree([file])), {
          expectedTreeId: id,
          release: { path: join(trees, id), gid: null },
          gate: { path: join(trees, 'copy'), uid: null, gid: null },
        }),
      isWhole: async (hasWorked) => assert.deepEqual(readdirSync(trees), hasWorked ? [id, 'copy'].sort() : []),
    };
  },

  async 'the desired state'(folder) {
    const file = join(folder, 'desired.json');
    const save = (version: number) =>
      new ListFile(file, 'apps', () => {}).save({ version, text: 'x'.repeat(150_000) }, []);
    await save(1);
    return {
      attempt: () => save(2),
      async isWhole(hasWorked) {
        const { document: found } = await new ListFile(file, 'apps', (value) => value as { version: number }).load();
        assert.equal(found?.version, hasWorked ? 2 : 1);
      },
    };
  },

  async "the router's snapshot"(folder) {
    const file = join(folder, 'snapshot.json');
    const routes = Array.from({ length: 300 }, (_, at) =>
      routeOf({ appId: `app_${at}`, hosts: [`a${at}.test`] } as never),
    );
    await new SnapshotFile(file).save(snapshotOf(1, routes));
    return {
      attempt: () => new SnapshotFile(file).save(snapshotOf(2, routes)),
      isWhole: async (hasWorked) => assert.equal((await loadSnapshot(file)).snapshot?.generation, hasWorked ? 2 : 1),
    };
  },

  async 'a small file that is replaced'(folder) {
    const file = join(folder, 'small');
    await atomicWrite(file, 'old');
    return {
      attempt: () => atomicWrite(file, 'n'.repeat(100_000)),
      isWhole: async (hasWorked) => assert.equal(readFileSync(file, 'utf8')[0], hasWorked ? 'n' : 'o'),
    };
  },

  async 'a job'(folder) {
    const folders = homeFolders(folder);
    const toolchains = await openToolchains({ folders, programRoot: folder, log: () => {} });
    const jobs = await openJobs({ folders, toolchains });
    const app = { id: newId('app'), liveUid: 59_910, gateUid: 59_911, gid: 59_910 };
    await ensureAppFolders(folders, app);
    mkdirSync(folders.copy(app.id, 'one'));
    const spec = (): JobSpec => ({
      ...{ ...app, id: newId('job'), appId: app.id, kind: 'check', identity: 'gate', place: { copy: 'one' } },
      ...{ layerKey: null, tools: [], command: { shell: 'echo done' }, env: {}, reports: [], volumes: {} },
      ...{ files: { input: 'x'.repeat(100_000) }, deadlineMs: 20_000, outputBytes: 65_536, limits: defaultLimits },
    });
    return {
      async attempt() {
        for await (const event of jobs.run(spec(), new AbortController().signal))
          if ('result' in event) assert.equal(event.result.exitCode, 0);
      },
      isWhole: async (hasWorked) =>
        assert.equal(readdirSync(folders.jobs).filter((name) => name.startsWith('job')).length, hasWorked ? 1 : 0),
    };
  },

  async 'a copy of the database'(folder) {
    const file = join(folder, 'lockstep.db');
    const database = openDatabase(file);
    mkdirSync(join(folder, 'copies'));
    return {
      attempt: () => keepCopy(database, file, new Date(0)),
      isWhole: async (hasWorked) => assert.equal(readdirSync(join(folder, 'copies')).length, hasWorked ? 1 : 0),
    };
  },
};

/** What needs no inode of its own. */
const growing: typeof parts = {
  async 'a change of the desired state'(folder) {
    const path = join(folder, 'desired.json');
    const file = new ListFile(path, 'apps', () => {});
    const app = (size: number) => ({ text: 'x'.repeat(size) });
    await file.save({ version: 1 }, [app(200_000), app(1)]);
    await file.save({ version: 2 }, [app(200_000), app(2)]);
    await file.settled();
    return {
      async attempt() {
        await file.save({ version: 3 }, [app(200_000), app(100_000)]);
        await file.settled();
      },
      async isWhole(hasWorked) {
        const { document: found, alarm } = await new ListFile(
          path,
          'apps',
          (value) => value as { version: number },
        ).load();
        assert.deepEqual([found?.version, alarm], [hasWorked ? 3 : 2, null]);
      },
    };
  },
};

test('C1: every part that writes fails by name without room, leaves nothing, and works with room again', async (context) => {
  for (const [name, make] of Object.entries({ ...parts, ...growing }))
    await context.test(name, (inner) => tryPart(inner, make, 'room'));
});

test('C2: every part that writes fails by name without inodes, leaves nothing, and works with some again', async (context) => {
  for (const [name, make] of Object.entries(parts)) await context.test(name, (inner) => tryPart(inner, make, 'inodes'));
});

async function tryPart(
  context: TestContext,
  make: (folder: string) => Promise<Part>,
  lacking: 'room' | 'inodes',
): Promise<void> {
  using disk = small(context, lacking === 'room' ? { megabytes: 8 } : { megabytes: 8, inodes: 120 });
  if (disk === null) return;
  const part = await make(disk.path);
  if (lacking === 'room') disk.fill();
  else disk.fillInodes();
  await assert.rejects(part.attempt(), (error) => diskFailure(error)?.code === 'disk-full' || unnamed(error));
  await part.isWhole(false);
  disk.free();
  disk.freeInodes();
  await part.attempt();
  await part.isWhole(true);
}

test('C1: the database keeps what it had, answers questions, and takes writes again without being opened anew', (context) => {
  using disk = small(context, { megabytes: 8 });
  if (disk === null) return;
  const database = openDatabase(join(disk.path, 'lockstep.db'));
  const insert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  insert.run('before', 'full');
  disk.fill();
  let written = 0;
  assert.throws(
    () => {
      for (; written < 5000; written += 1) insert.run(`key${written}`, 'x'.repeat(2000));
    },
    (error) => diskFailure(error)?.code === 'disk-full' || unnamed(error),
  );
  assert.equal(database.prepare("SELECT value FROM meta WHERE key = 'before'").get()?.value, 'full');
  disk.free();
  insert.run('after', 'room');
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  assert.equal(database.prepare("SELECT count(*) AS n FROM meta WHERE key LIKE 'key%'").get()?.n, written);
  database.close();
});

test('C1: a log without room keeps its newest lines for later, and says how many were lost', async (context) => {
  using disk = small(context, { megabytes: 8 });
  if (disk === null) return;
  await using log = await AppLog.open(join(disk.path, 'log'), { keptLines: 10 });
  const say = (text: string) =>
    log.append({ atMs: 0, instanceId: 'ins_1' as InstanceId, type: 'web', release: 'v1', line: text });
  say('before');
  await log.tail(1);
  disk.fill();
  const pad = 'x'.repeat(4000);
  for (let at = 0; at < 30; at += 1) {
    say(`full ${at} ${pad}`);
    await log.tail(1);
  }
  disk.free();
  say('after');
  const lines = (await log.tail(40)).map(({ line }) => line.slice(0, 30).trim());
  assert.equal(lines[0], 'before');
  assert.equal(lines.at(-1), 'after');
  assert.ok(
    lines.some((line) => /^\d+ lines lost: no room$/.test(line)),
    lines.join('\n'),
  );
  assert.ok(readFileSync(join(disk.path, 'log', 'app.log'), 'utf8').includes('"line":"after"'));
});

test('C1: a push that finds no room is told so by git and by us, leaves nothing, and is taken when it comes again', async (context) => {
  using disk = small(context, { megabytes: 24, kind: 'ext4' });
  if (disk === null) return;
  const before = process.env.TMPDIR;
  process.env.TMPDIR = disk.path;
  try {
    await using stage = await stageGitHttp();
    await stage.commit(randomBytes(3_000_000));
    disk.fill(500_000);
    const objects = join(stage.repository.path, 'objects');
    const had = readdirSync(objects);
    const refused = await stage.git('push', 'origin', 'main');
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /remote: disk-full: the server's disk is full\. Nothing was changed/);
    assert.match(refused.stderr, /No space left on device/);
    assert.deepEqual(readdirSync(objects), had);
    disk.free();
    const pushed = await stage.git('push', 'origin', 'main');
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.ok(await stage.isStored('main'));
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

/** null: the test is skipped, since this machine does not let it mount anything. */
function small(context: TestContext, options: Parameters<typeof SmallDisk.mount>[0]): SmallDisk | null {
  const disk = SmallDisk.mount({ kind: 'tmpfs', ...options });
  if (disk === null) context.skip('a disk of its own cannot be mounted here');
  return disk;
}

/** Fails with the whole error in view. */
function unnamed(error: unknown): never {
  throw new Error(`not named as a full disk: ${isFailure(error) ? error.code : ''} ${String(error)}`, { cause: error });
}
