import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  hasReserve,
  isNearlyFull,
  isRoomy,
  isShort,
  makeReserve,
  type Room,
  releaseReserve,
  reserveBytes,
} from './room.ts';

const gibibyte = 1024 ** 3;
const room = (more: Partial<Room>): Room => ({
  ...{ totalBytes: 20 * gibibyte, availableBytes: 10 * gibibyte, totalInodes: 1000, availableInodes: 500 },
  ...more,
});

test('the reserve is a fiftieth of the disk, and 128 MiB at most', () => {
  assert.equal(reserveBytes(room({})), 128 * 1024 ** 2);
  assert.equal(reserveBytes(room({ totalBytes: gibibyte })), Math.floor(gibibyte / 50));
});

test('running out of bytes or of inodes is the same trouble; a disk without a count of inodes has enough of them', () => {
  const check = (more: Partial<Room>, nearly: boolean, roomy: boolean) =>
    assert.deepEqual([isNearlyFull(room(more)), isRoomy(room(more))], [nearly, roomy]);
  check({}, false, true);
  check({ availableBytes: 10 * 1024 ** 2 }, true, false);
  check({ availableBytes: 100 * 1024 ** 2 }, false, false);
  check({ availableInodes: 3 }, true, false);
  check({ availableInodes: 40 }, false, false);
  check({ totalInodes: null, availableInodes: null }, false, true);
});

test('a reserve that cannot be made leaves nothing, and one that is there means that room is not short', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-room-'));
  try {
    mkdirSync(join(home, 'agent'));
    assert.equal(await makeReserve(home, () => Promise.reject(new Error('no room'))), false);
    assert.equal(hasReserve(home), false);
    assert.ok(await makeReserve(home, async (file) => writeFileSync(file, 'x')));
    assert.deepEqual([hasReserve(home), isShort(home)], [true, false]);
    releaseReserve(home);
    assert.equal(hasReserve(home), false);
  } finally {
    rmSync(home, { recursive: true });
  }
});
