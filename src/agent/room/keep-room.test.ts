import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keepRoom } from './keep-room.ts';

test('a reserve that can neither be made nor removed costs a line in the log, and not the agent', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-room-'));
  // Nothing below it can be made, and asking for it is an error: as on a disk that takes no change any more.
  writeFileSync(join(home, 'agent'), '');
  const said = Promise.withResolvers<string>();
  const keeper = keepRoom({
    home,
    sweep: async () => ({ bytesFreed: 0 }),
    log: (_, message) => said.resolve(message),
  });
  try {
    assert.match(await said.promise, /^the disk cannot be asked: ENOTDIR/);
    keeper.metTheEnd();
  } finally {
    keeper.close();
    rmSync(home, { recursive: true });
  }
});
