import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeId } from '../../domain/ids.ts';
import { type DiskLevel, diskLevel } from './disk-level.ts';
import { type DiskApp, DiskWatch } from './disk-watch.ts';
import { diskBytes } from './measure.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-disk-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const at = async () => {};
const kib = 1024;

function folder(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  return path;
}

test('files are counted by their blocks, once each, empty ones too, and nothing behind a link', async () => {
  const top = folder('counted');
  const elsewhere = folder('elsewhere');
  writeFileSync(join(elsewhere, 'large'), Buffer.alloc(1024 * kib));
  const bytes = () => diskBytes([top], at);
  const empty = await bytes();
  const grown = async (make: () => void): Promise<number> => {
    const before = await bytes();
    make();
    return (await bytes()) - before;
  };
  assert.equal(await grown(() => writeFileSync(join(top, 'a'), Buffer.alloc(100 * kib))), 100 * kib);
  assert.equal(await grown(() => linkSync(join(top, 'a'), join(top, 'b'))), 0);
  assert.equal(await grown(() => writeFileSync(join(top, 'none'), '')), 4 * kib);
  assert.equal(await grown(() => symlinkSync(elsewhere, join(top, 'link'))), 4 * kib);
  const hole = await grown(() => {
    writeFileSync(join(top, 'hole'), '');
    truncateSync(join(top, 'hole'), 1e9);
  });
  assert.equal(hole, 4 * kib);
  mkdirSync(join(top, 'x', 'y', 'z'), { recursive: true });
  assert.equal(
    await grown(() => writeFileSync(Buffer.from(`${top}/x/y/z/\xff`, 'latin1'), Buffer.alloc(8 * kib))),
    8 * kib,
  );
  assert.equal(await diskBytes([join(scratch, 'nowhere')], at), 0);
  assert.ok(empty > 0);
});

test('levels have their way back a little lower than their way there', () => {
  const cases: [DiskLevel, number, DiskLevel][] = [
    ['fine', 79, 'fine'],
    ['fine', 80, 'near'],
    ['fine', 100, 'full'],
    ['fine', 300, 'full'],
    ['near', 76, 'near'],
    ['near', 74, 'fine'],
    ['full', 96, 'full'],
    ['full', 94, 'near'],
    ['full', 10, 'fine'],
    ['full', 134, 'full'],
    ['full', 135, 'over'],
    ['over', 101, 'over'],
    ['over', 99, 'full'],
    ['over', 90, 'near'],
    ['over', 0, 'fine'],
  ];
  for (const [before, bytes, expected] of cases)
    assert.equal(diskLevel(before, bytes, 100, before === 'full' ? 110 : null), expected, `${before} ${bytes}`);
});

test('an app is warned, held at its limit and let go again, each told once; its checks are ended', async () => {
  const [live, gate] = [folder('live'), folder('gate')];
  const mib = 1024 * kib;
  const app: DiskApp = {
    id: makeId('app', 1, new Uint8Array(16)),
    limitBytes: 10 * mib,
    live: [live],
    gate: [gate],
    gateWork: null,
  };
  const told: string[] = [];
  const held: DiskLevel[] = [];
  let checksEnded = 0;
  await using watch = new DiskWatch({
    apps: () => [app],
    hold: async (_, level) => void held.push(level),
    endChecks: async () => {
      checksEnded += 1;
      rmSync(join(gate, 'much'), { force: true });
    },
    tell: (_, what, reason) => told.push(`${what}: ${reason}`),
    nowMs: () => 0,
    failed: (error) => assert.fail(String(error)),
    restMs: 1,
  });
  watch.start();
  const becomes = async (size: number, level: DiskLevel) => {
    writeFileSync(join(live, 'file'), Buffer.alloc(size * mib));
    for (const untilMs = performance.now() + 20_000; watch.levelOf(app.id) !== level && performance.now() < untilMs; )
      await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(watch.levelOf(app.id), level);
    // Two rounds later it is known what there was once writing was refused.
    const rounds = held.length + 2;
    while (level === 'full' && held.length < rounds) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  for (const [size, level] of [
    [1, 'fine'],
    [9, 'near'],
    [11, 'full'],
    [14, 'over'],
    [2, 'fine'],
    [11, 'full'],
  ] as const)
    await becomes(size, level);
  while (held.at(-1) !== 'full') await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(told, [
    'disk-warning: its files take 9 MB of 10 MB',
    'disk-limit: disk limit reached (10 MB): its files take 11 MB, writing is refused',
    'disk-limit: disk limit reached (10 MB): its files take 14 MB, its processes were ended',
    'disk-freed: its files take 2 MB of 10 MB: it may write again',
  ]);
  assert.deepEqual(
    held.filter((level, index) => level !== held[index - 1]),
    ['near', 'full', 'over', 'fine', 'full'],
  );
  writeFileSync(join(gate, 'much'), Buffer.alloc(11 * mib));
  while (checksEnded === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.match(told.at(-1)!, /^disk-limit: disk limit reached \(10 MB\) by its checks: they were ended$/);
});

test('a round that fails is told, and the next one measures', async () => {
  const live = folder('after-a-failure');
  writeFileSync(join(live, 'file'), Buffer.alloc(9 * 1024 * kib));
  const app: DiskApp = {
    id: makeId('app', 2, new Uint8Array(16)),
    limitBytes: 10 * 1024 * kib,
    live: [live],
    gate: [],
    gateWork: null,
  };
  const failures: string[] = [];
  const near = Promise.withResolvers<void>();
  await using watch = new DiskWatch({
    apps: () => {
      if (failures.length === 0) throw new Error('what a user has mounted cannot be looked at');
      return [app];
    },
    hold: async () => near.resolve(),
    endChecks: async () => {},
    tell: () => {},
    nowMs: () => 0,
    failed: (error) => void failures.push(String(error)),
    restMs: 1,
  });
  watch.start();
  await near.promise;
  assert.equal(watch.levelOf(app.id), 'near');
  assert.deepEqual(failures, ['Error: what a user has mounted cannot be looked at']);
});

test("the places of an app's checks are measured while they are at work and once afterwards, and not at rest", async () => {
  const gate = folder('gate-at-rest');
  const id = makeId('app', 3, new Uint8Array(16));
  let gateWork: number | null = 1;
  let rounds = 0;
  let ended = 0;
  await using watch = new DiskWatch({
    apps: () => {
      rounds += 1;
      return [{ id, limitBytes: 1024 * kib, live: [], gate: [gate], gateWork }];
    },
    hold: async () => {},
    endChecks: async () => {
      ended += 1;
      rmSync(join(gate, 'much'), { force: true });
    },
    tell: () => {},
    nowMs: () => 0,
    failed: (error) => assert.fail(String(error)),
    restMs: 1,
  });
  watch.start();
  const next = async () => {
    for (const until = rounds + 3; rounds < until; ) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const fill = async () => {
    writeFileSync(join(gate, 'much'), Buffer.alloc(2 * 1024 * kib));
    await next();
    return ended;
  };
  await next();
  assert.equal(await fill(), 0, 'nobody is at work: nothing grows by itself');
  gateWork = null;
  await next();
  assert.deepEqual([ended, await fill()], [1, 2]);
  gateWork = 1;
  await next();
  assert.equal(await fill(), 2);
  // Begun and ended between two rounds.
  gateWork = 2;
  await next();
  assert.equal(ended, 3);
});
