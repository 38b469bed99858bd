import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeId } from '../domain/ids.ts';
import { entriesByOwner, entriesOf, ipcIds, removeLeavings } from './leavings.ts';
import { launch } from './process/launcher.ts';
import { isAlive } from './process/proc.ts';

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'not root' };

test('the tables of shared memory, queues and semaphores are read by the names of their columns', () => {
  const shm = [
    '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime',
    '         0          7   600                  4096    10    10      0 40000 40000 40000 40000          0',
    '         0          8   600                  4096    10    10      0     0     0 40001     0          0',
    '         0          9   600                  4096    10    10      0     0     0     0     0          0',
    '',
  ].join('\n');
  const sem =
    '       key      semid perms      nsems   uid   gid  cuid  cgid\n         0          3   600          1 40001     0     0     0\n';
  assert.deepEqual([ipcIds(shm, new Set([40_000, 40_001])), ipcIds(sem, new Set([40_001]))], [[7, 8], [3]]);
  assert.deepEqual([ipcIds('', new Set([1])), ipcIds(shm, new Set())], [[], []]);
  assert.deepEqual(entriesOf('/nowhere', new Set([1])), []);
});

test(
  'B5: what a destroyed app left outside of its folders goes with it, and nothing of anybody else',
  needsRoot,
  async () => {
    // Nobody else has these.
    const [liveUid, gateUid, other] = [
      1_900_000_000 + process.pid,
      1_910_000_000 + process.pid,
      1_920_000_000 + process.pid,
    ];
    const app = { id: makeId('app', 1, new Uint8Array(16)), liveUid, gateUid, gid: liveUid };
    const at = (place: string, uid: number) => `${place}/lockstep-left-${uid}`;
    for (const uid of [liveUid, gateUid, other])
      for (const place of ['/tmp', '/dev/shm']) {
        mkdirSync(at(place, uid));
        writeFileSync(`${at(place, uid)}/file`, 'x');
        lchownSync(at(place, uid), uid, uid);
      }
    const program = `import ctypes, os, sys
os.setuid(${liveUid})
assert ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0
os.setsid()
os.execve('/bin/sleep', ['sleep', '600'], {})`;
    const spec = { cwd: '/', env: {}, fifo: null, exitFile: null, cgroups: [], openFiles: null, fileBytes: null };
    const daemon = await launch({
      ...spec,
      limitArgv: [],
      identity: null,
      argv: ['/usr/bin/setsid', '/usr/bin/python3', '-S', '-c', program],
    });
    const segments = () => ipcIds(readFileSync('/proc/sysvipc/shm', 'latin1'), new Set([liveUid])).length;
    while (segments() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    try {
      await removeLeavings(app, { isGrouped: false });
      const left = [liveUid, gateUid].flatMap((uid) =>
        ['/tmp', '/dev/shm'].filter((place) => existsSync(at(place, uid))),
      );
      assert.deepEqual([left, segments(), isAlive(daemon)], [[], 0, false]);
      assert.ok(existsSync(`${at('/tmp', other)}/file`) && existsSync(`${at('/dev/shm', other)}/file`));
    } finally {
      await removeLeavings({ ...app, liveUid: other }, { isGrouped: true });
    }
    assert.ok(!existsSync(at('/tmp', other)));
  },
);

test('B5: what lies in a shared place is looked at a step at a time, under any name; what may not be looked at is passed by', async () => {
  const place = mkdtempSync(join(tmpdir(), 'lockstep-shared-'));
  const uid = process.getuid!();
  const isRoot = uid === 0;
  try {
    const name = Buffer.from(`${place}/\xff`, 'latin1');
    writeFileSync(name, '');
    writeFileSync(join(place, 'file'), '');
    let steps = 0;
    const step = async () => {
      steps += 1;
    };
    const look = () => entriesByOwner(step, ['/nowhere', place]);
    const found = (await look()).get(uid)!;
    assert.deepEqual(found.map((path) => path.toString('latin1')).sort(), [
      join(place, 'file'),
      name.toString('latin1'),
    ]);
    assert.equal(steps, 2);
    // Readable and not passable: names are there, and none can be looked at, as with what another user has mounted.
    chmodSync(place, 0o444);
    if (isRoot) process.seteuid!(65_534);
    try {
      assert.equal((await look()).size, 0);
      assert.deepEqual(entriesOf(place, new Set([uid])), []);
    } finally {
      if (isRoot) process.seteuid!(0);
    }
    assert.equal(steps, 4);
  } finally {
    chmodSync(place, 0o700);
    rmSync(place, { recursive: true });
  }
});
