import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type AppId, type InstanceId, makeId, type TreeId } from '../domain/ids.ts';
import { ensureAppFolders, homeFolders } from './folders.ts';

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'not root' };

test('no folder in which root makes something belongs to an app', needsRoot, async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-folders-'));
  try {
    const folders = homeFolders(home);
    const id: AppId = makeId('app', 1, new Uint8Array(16));
    const app = { id, liveUid: 59_900, gateUid: 59_901, gid: 59_900 };
    await ensureAppFolders(folders, app);
    const instance: InstanceId = makeId('ins', 1, new Uint8Array(16));
    for (const path of [
      folders.copy(id, 'x'),
      folders.gateCache(id),
      folders.volume(id, 'x'),
      folders.instance(id, instance),
      folders.tree(id, 'x' as TreeId),
      folders.layer(id, 'x'),
    ])
      for (let at = dirname(path); at !== home; at = dirname(at)) {
        const { uid, mode } = lstatSync(at);
        assert.deepEqual([uid, mode & 0o022], [0, 0], at);
      }
    assert.equal(lstatSync(folders.gateCache(id)).uid, app.gateUid);
  } finally {
    rmSync(home, { recursive: true });
  }
});
