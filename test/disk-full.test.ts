// A whole Lockstep on a disk of its own that is filled: what cannot be done is refused with its name, sites and processes go on,
// the reserve gives the collectors room, and once there is room again everything goes on without a restart.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { problemsAtRest } from './support/oracles.ts';
import { PageWatch } from './support/page-watch.ts';
import { until } from './support/stage.ts';
import { openOnDisk, openSiteOnDisk } from './support/stage-on-disk.ts';

const page = (number: number) => ({ 'index.html': `<h1>Page ${number}</h1>` });

test('C1: on a full disk pushes are refused by name, sites go on, and with room again the next push lands', async (context) => {
  await using opened = await openOnDisk(context);
  if (opened === null) return;
  const { stage, disk: own } = opened;
  const reserve = join(stage.home, 'agent', 'reserve', 'blocks');
  const hasReserve = (): boolean => existsSync(reserve);
  await until(hasReserve, 10_000, () => 'the reserve is not made');
  const work = await stage.makeApp('blog', page(1));
  await stage.deploy(work);
  const before = stage.pids();
  await using watch = new PageWatch(stage, 'blog', /Page (\d+)/, 20);

  // There is still room for what is usual, and a push is too large for it: git meets the end while it receives.
  writeFileSync(join(work, 'large.bin'), randomBytes(24_000_000));
  await stage.commit(work, 'too large for what is left');
  own.fill(12_000_000);
  const large = await stage.push(work);
  assert.notEqual(large.code, 0);
  assert.match(large.stderr, /disk-full/, large.stderr);
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');

  // Nearly nothing is left: the reserve goes, so that there is room to work in; nothing large is begun any more.
  own.take(own.freeBytes - 600_000);
  await until(
    () => !hasReserve(),
    10_000,
    () => 'the reserve is not given back',
  );
  await stage.edit(work, 'index.html', 'Page 1', 'Page 2');
  const refused = await stage.push(work);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /remote: disk-full: nothing was changed: the disk is full\. Free space/, refused.stderr);
  assert.equal((await stage.status('blog')).state, 'IN SYNC');
  const config = await stage.api('/apps/blog/config', { method: 'PATCH', body: { set: { WORD: 'small' } } });
  assert.equal(config.status, 202, `what is small is done in the reserve's room: ${JSON.stringify(config)}`);
  await stage.inSync('blog');

  // The reserve is eaten too: even what is small is refused, and by its name.
  own.fill();
  await until(
    async () => {
      own.fill();
      const made = await stage.api('/apps', {
        method: 'POST',
        body: { name: `other-${Math.round(performance.now())}` },
      });
      return made.status === 507 && made.body.code === 'disk-full';
    },
    20_000,
    () => 'nothing says that the disk is full',
  );
  assert.equal((await stage.status('blog')).state, 'IN SYNC');
  assert.equal((await stage.get('blog')).status, 200);

  // Room again: nobody restarts anything.
  own.free();
  await until(hasReserve, 15_000, () => `the reserve is not made again\n${stage.upStderr}`);
  await stage.deploy(work);
  await stage.inSync('blog');
  assert.match((await stage.get('blog')).body, /Page 2/);
  assert.deepEqual(stage.pids(), before);
  assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
  const database = new DatabaseSync(join(stage.home, 'control', 'lockstep.db'));
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  database.close();
  const repositories = join(stage.home, 'control', 'repos');
  for (const name of readdirSync(repositories)) {
    const checked = await stage.git(join(repositories, name), '-c', 'safe.directory=*', 'fsck', '--strict');
    assert.equal(checked.code, 0, checked.stderr);
  }
});

test('C1: an agent that starts while the disk is full takes over what runs, and writes down who does what when it can', async (context) => {
  await using opened = await openOnDisk(context);
  if (opened === null) return;
  const { stage, disk: own } = opened;
  const work = await stage.makeApp('blog', page(1));
  await stage.deploy(work);
  await using watch = new PageWatch(stage, 'blog', /Page (\d+)/, 20);
  const { control, router } = stage.pids();
  const record = join(stage.home, 'run', 'up.json');
  const half = join(stage.home, 'agent', 'instances', 'ins_01M8KF4K3A7418JQVCXRJK3ASM.json.tmp');

  await stage.killAgent();
  writeFileSync(half, '');
  // Also the reserve's room, whenever it is given back.
  const filling = setInterval(() => own.fill(), 20);
  await stage.up().finally(() => clearInterval(filling));
  own.fill();
  if (existsSync(record)) assert.equal(stage.pids().agent, stage.ready.pid, 'no record names processes that are gone');
  assert.equal(existsSync(half), false, 'what an earlier agent left half written is swept');
  assert.equal((await stage.get('blog')).status, 200);
  assert.equal(stage.ready.pids.router, router);
  // The room that a record needs is missing for a control that begins now, too: it serves all the same.
  process.kill(control, 'SIGKILL');
  await until(
    async () => (await stage.api('/apps').catch(() => null))?.status === 200,
    20_000,
    () => `control does not come back\n${stage.upStderr}`,
  );

  own.free();
  await until(
    () => existsSync(record),
    20_000,
    () => `the record is not written\n${stage.upStderr}`,
  );
  const recorded = (): number => JSON.parse(readFileSync(join(stage.home, 'run', 'control.json'), 'utf8')).pid;
  await until(
    () => stage.pids().control === recorded(),
    20_000,
    () => 'the control that runs is not recorded',
  );
  await stage.edit(work, 'index.html', 'Page 1', 'Page 2');
  await stage.deploy(work);
  await stage.inSync('blog');
  // And the next agent knows them again.
  const before = stage.pids();
  await stage.killAgent();
  await stage.up();
  assert.deepEqual({ ...stage.pids(), agent: 0 }, { ...before, agent: 0 });
  assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
});

test('C1: an instance that starts again while nothing can be written is written down when there is room, and is the same to the next agent', async (context) => {
  await using opened = await openSiteOnDisk(context);
  if (opened === null) return;
  const { stage, disk: own } = opened;
  const running = async (): Promise<number | null> => {
    const { instances } = await stage.status('blog');
    return instances.find((one: { state: string }) => one.state === 'healthy')?.pid ?? null;
  };
  assert.deepEqual(await problemsAtRest(stage), []);
  const before = (await running())!;
  own.fill();
  // Also the reserve's room, whenever it is given back.
  const filling = setInterval(() => own.fill(), 20);
  let now: number | null = null;
  process.kill(before, 'SIGKILL');
  await until(
    async () => {
      now = await running();
      return now !== null && now !== before;
    },
    20_000,
    () => `it does not start again\n${stage.upStderr}`,
  ).finally(() => clearInterval(filling));
  own.free();
  assert.deepEqual(await problemsAtRest(stage), []);
  await stage.killAgent();
  await stage.up();
  assert.equal(await running(), now);
});
