import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildCaps } from './build-caps.ts';
import { BuildLeases, type BuildLimits } from './build-leases.ts';

const mebibyte = 1024 ** 2;
const limits = (memoryMiB: number, pids: number): BuildLimits => ({
  ...{ memoryBytes: memoryMiB * mebibyte, cpus: 1, pids, diskBytes: 1 },
});

/** A tree of files that looks like control groups of version 2, with the builder's in it. */
function machine() {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-leases-'));
  const group = join(root, 'groups', 'docker', 'buildkit');
  mkdirSync(group, { recursive: true });
  const support = {
    ...{ version: 2 as const, root: join(root, 'groups'), enforceable: ['memory', 'cpu', 'pids'] as const, why: [] },
  };
  const leases = join(root, 'leases');
  return {
    leases,
    group,
    read: (file: string) => readFileSync(join(group, file), 'utf8'),
    files: () => readdirSync(group).map((name) => join(group, name)),
    caps: (name: string, most: BuildLimits) => new BuildCaps(support, most, new BuildLeases(leases, name)),
    held: () => ['memory.max', 'pids.max'].map((file) => readFileSync(join(group, file), 'utf8')),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

test('of two agents that build on one engine the smallest limits hold, until the last one is done', () => {
  using here = machine();
  const [one, two] = [here.caps('one', limits(512, 200)), here.caps('two', limits(256, 300))];
  one.begin();
  assert.deepEqual(here.held(), [String(512 * mebibyte), '200']);
  two.begin();
  one.hold();
  assert.deepEqual(here.held(), [String(256 * mebibyte), '200']);
  assert.equal(one.memorySaid, '256 MB');
  two.release();
  assert.deepEqual(here.held(), [String(512 * mebibyte), '200'], 'the other one builds still');
  two.begin();
  one.release();
  assert.deepEqual(here.held(), [String(256 * mebibyte), '300']);
  two.release();
  assert.deepEqual(here.held(), ['max', 'max']);
});

test('an agent that died holds nobody, nor does what is no lease', () => {
  using here = machine();
  const caps = here.caps('one', limits(512, 200));
  mkdirSync(here.leases, { recursive: true });
  const dead = { pid: process.pid, startTicks: 1, limits: limits(16, 16) };
  writeFileSync(join(here.leases, 'dead.json'), JSON.stringify(dead));
  writeFileSync(join(here.leases, 'half.json'), '{"pid":');
  writeFileSync(join(here.leases, 'odd.json'), JSON.stringify({ ...dead, limits: {} }));
  caps.begin();
  assert.deepEqual(here.held(), [String(512 * mebibyte), '200']);
  caps.release();
  assert.deepEqual(here.held(), ['max', 'max']);
});

test('a limit that holds is not set again: the kernel would forget what was used of it', () => {
  using here = machine();
  const caps = here.caps('one', limits(512, 200));
  caps.begin();
  assert.equal(here.read('cpu.max'), '100000 100000');
  for (const file of here.files()) utimesSync(file, 1, 1);
  caps.hold();
  assert.deepEqual(
    here.files().filter((file) => statSync(file).mtimeMs !== 1000),
    [],
  );
  writeFileSync(join(here.group, 'cpu.max'), 'max 100000\n');
  caps.hold();
  assert.equal(here.read('cpu.max'), '100000 100000', 'somebody else had lifted it');
});

test('where nothing can be written an agent is alone', () => {
  const leases = new BuildLeases(join(import.meta.filename, 'below-a-file'), 'one');
  leases.take(limits(1, 1));
  assert.equal(leases.smallest(), null);
  leases.give();
});
