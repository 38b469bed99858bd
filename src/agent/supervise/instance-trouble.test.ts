import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeId } from '../../domain/ids.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { againMs } from '../../lib/told-rarely.ts';
import type { InstanceView } from '../desired/converge.ts';
import { openFilesOf } from '../process/reached.ts';
import { InstanceDisk } from './instance-disk.ts';
import { InstanceTrouble } from './instance-trouble.ts';
import { flapLooks, keepProbing } from './keep-probing.ts';
import { LimitLooks, lookMs } from './limit-looks.ts';

const mib = 1024 * 1024;

function trouble() {
  const clock = { ms: 1000 };
  const told: string[] = [];
  const view = { id: makeId('ins', 1, new Uint8Array(16)) } as InstanceView;
  const one = new InstanceTrouble({
    limits: { ...defaultLimits, memoryBytes: 64 * mib },
    view,
    nowMs: () => clock.ms,
    tell: (what, reason) => told.push(`${what}: ${reason}`),
  });
  return { clock, told, view, one };
}

test('what an instance runs into is told by name, at once and then rarely', () => {
  const { clock, told, one } = trouble();
  for (let count = 0; count < 100; count += 1) {
    one.reached(['processes', 'open-files']);
    one.memoryKill();
    one.dropped(mib / 2);
    clock.ms += 1000;
  }
  assert.deepEqual(told, [
    'limit-reached: process limit reached (256)',
    'limit-reached: open files limit reached (8192)',
    'out-of-memory: out of memory (limit 64 MB): one of its processes was ended',
    'limit-reached: log flood: 1 MB dropped',
  ]);
  clock.ms += againMs;
  one.dropped(mib);
  assert.deepEqual(told.slice(4), ['limit-reached: log flood: 50 MB dropped']);
});

test('B3: crashes are counted over an hour, however long it ran in between, and the third is an alarm', () => {
  const { clock, told, view, one } = trouble();
  const crash = () => Object.assign(view, one.crashed());
  for (let count = 0; count < 2; count += 1, clock.ms += 600_000) crash();
  assert.deepEqual([told, one.notes()], [[], []]);
  crash();
  assert.deepEqual(told, ['crash-loop: crashed 3 times within an hour; it is started again with back-off']);
  assert.deepEqual(one.notes(), ['crashed 3 times in the last hour']);
  // Rarely from then on, and bounded however often it crashes.
  for (let count = 0; count < 100; count += 1, clock.ms += 1000) crash();
  assert.deepEqual(
    told.slice(1).map((line) => /crashed (\d+)/.exec(line)?.[1]),
    ['10', '30'],
  );
  assert.equal(view.crashedAtMs?.length, 30);
  clock.ms += 3_600_000;
  assert.deepEqual(one.notes(), []);
});

test('B4: health that fails now and again is reported once, and once more when it is well', async (t) => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.statusCode = asked % 3 === 0 && asked < 30 ? 500 : 200;
    response.end();
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { told, one } = trouble();
  const end = new AbortController();
  const seen: string[] = [];
  await keepProbing(
    {
      check: { path: '/', timeoutMs: 1000, host: 'h', acceptServerErrors: false },
      target: () => ({ address: '127.0.0.1', port: (server.address() as AddressInfo).port }),
      probeMs: 1,
      failures: 3,
      onIll: () => seen.push('ill'),
      onWell: () => seen.push('well'),
      onFlapping: (failed) => {
        seen.push(failed === null ? 'calm' : `flaps ${failed}`);
        one.flapping(failed === null ? null : { count: failed, of: flapLooks });
        if (failed === null) end.abort();
        else assert.match(one.notes()[0]!, /^its health flaps: 4 of the last 20 probes failed$/);
      },
      signal: end.signal,
    },
    false,
  );
  assert.deepEqual(seen, ['flaps 4', 'calm']);
  assert.deepEqual(told, ['flapping: its health flaps: 4 of the last 20 probes failed']);
  assert.deepEqual(one.notes(), []);
});

test('everything has its turn to be looked at, and a turn has its time', () => {
  const seen: number[] = [];
  let now = 0;
  const look = (at: number) => {
    seen.push(at);
    now += 1;
  };
  const all = Array.from({ length: 25 }, (_, at) => ({ look: () => look(at) }));
  const looks = new LimitLooks(
    () => all,
    () => now,
  );
  looks.turn();
  assert.equal(seen.length, lookMs);
  looks.turn();
  looks.turn();
  assert.deepEqual(
    seen,
    all.map((_, at) => at),
  );
  new LimitLooks(
    () => [],
    () => now,
  ).turn();
});

test("a process's open files are counted", async () => {
  const child = spawn('/usr/bin/python3', [
    '-S',
    '-c',
    'f=[open("/dev/null") for _ in range(40)]; print(1, flush=True); input()',
  ]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  assert.ok(openFilesOf(child.pid!) >= 43 && openFilesOf(child.pid!) < 60);
  child.stdin.end('\n');
  await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(openFilesOf(child.pid!), 0);
});

test('a start at the disk limit is no failure when its processes cannot be held yet; the next look holds them', async () => {
  let isAble = false;
  let asked = 0;
  const disk = new InstanceDisk({
    diskBytes: 10 * mib,
    level: () => 'full',
    pids: () => {
      asked += 1;
      if (!isAble) throw new Error('no descriptors are left');
      return [];
    },
    kill: () => {},
  });
  await disk.started();
  assert.equal(asked, 1);
  await assert.rejects(disk.hold('full'));
  isAble = true;
  await disk.hold('full');
});
