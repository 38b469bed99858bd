import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type AppId, makeId, type TreeId } from '../domain/ids.ts';
import { collectApp, removePartials } from './collect.ts';
import { homeFolders } from './folders.ts';

test('what is kept or used stays, what is being written stays, and everything else of the app goes', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-collect-'));
  try {
    const folders = homeFolders(home);
    const app = makeId('app', 1, randomBytes(16)) as AppId;
    const [kept, old] = ['a'.repeat(40), 'b'.repeat(40)] as [TreeId, TreeId];
    const root = folders.app(app);
    const paths = [
      ...[folders.tree(app, kept), folders.tree(app, old), `${folders.tree(app, old)}.partial-1`],
      ...[folders.layer(app, 'k'.repeat(20)), folders.layer(app, 'o'.repeat(20))],
      ...[folders.copy(app, 'used'), folders.copy(app, 'left'), folders.copy(app, 'coming.partial-2')],
      ...[join(root, 'instances', 'RUNS'), join(root, 'instances', 'GONE'), join(root, 'volumes', 'data')],
      join(folders.gateCache(app), 'uv'),
    ];
    for (const path of paths) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'file'), 'x'.repeat(5000));
    }
    const { bytesFreed } = await collectApp(folders, app, {
      treeIds: new Set([kept]),
      layerKeys: new Set(['k'.repeat(20)]),
      copies: new Set(['used']),
      instanceFolders: new Set(['RUNS']),
      isAtWork: false,
    });
    assert.ok(bytesFreed >= 4 * 5000, String(bytesFreed));
    const left = (...names: string[]) => readdirSync(join(root, ...names)).sort();
    assert.deepEqual(left('trees'), [kept, `${old}.partial-1`]);
    assert.deepEqual(left('layers'), ['k'.repeat(20)]);
    assert.deepEqual(left('gate', 'copies'), ['coming.partial-2', 'used']);
    assert.deepEqual(left('instances'), ['RUNS']);
    assert.deepEqual(left('volumes'), ['data']);
    assert.deepEqual(left('gate', 'cache'), ['uv'], 'small enough');
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('of a tree that an agent died over replacing one is left: the new one, or else the old', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-collect-'));
  try {
    const folders = homeFolders(home);
    const app = 'app_01ARZ3NDEKTSV4RRFFQ69G5FAV' as AppId;
    const [replaced, alone] = ['a'.repeat(40), 'b'.repeat(40)].map((id) => folders.tree(app, id as TreeId));
    const put = (path: string, what: string): void => {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'file'), what);
    };
    put(replaced!, 'new');
    put(`${replaced}.aside-0123456789ab`, 'old');
    put(`${alone}.aside-0123456789ab`, 'old');
    put(`${alone}.partial-0123456789ab`, 'ne');
    await removePartials(folders);
    assert.deepEqual(readdirSync(dirname(replaced!)).sort(), ['a'.repeat(40), 'b'.repeat(40)]);
    assert.deepEqual(
      [replaced, alone].map((path) => readFileSync(join(path!, 'file'), 'utf8')),
      ['new', 'old'],
    );
  } finally {
    rmSync(home, { recursive: true });
  }
});
