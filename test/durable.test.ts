// What an acknowledged write stands on when the power goes: each of the settings and habits that make it durable, asked for.
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../src/exec/exec.ts';
import { gitEnvironment } from '../src/git/environment.ts';
import { openRepository } from '../src/git/repository.ts';
import { openDatabase } from '../src/store/open.ts';
import { root } from './support/stage.ts';

test('C4: git syncs every object and ref that it writes, and the store commits with FULL in a WAL', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-durable-'));
  try {
    const { path } = await openRepository(join(folder, 'app.git'));
    const asked = await run(['git', `--git-dir=${path}`, 'config', 'core.fsync'], { env: gitEnvironment() });
    assert.equal(asked.stdout.trim(), 'all');
    const database = openDatabase(join(folder, 'lockstep.db'));
    assert.equal(database.prepare('PRAGMA synchronous').get()?.synchronous, 2);
    assert.equal(database.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal');
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Files that put something in its place by a rename of their own, and why that is durable or need not be. */
const renamers: Readonly<Record<string, string>> = {
  'src/lib/atomic-write.ts': 'syncs the file, and the folder after the rename',
  'src/lib/list-file.ts': 'the previous generation, a link to what was synced or a synced copy of it',
  'src/agent/tree/place-tree.ts': 'syncs every file and folder, and the parent; gate copies are thrown away',
  'src/agent/collect.ts': 'a tree put back where it was: lost, it is found aside again at the next start',
  'src/agent/layers/making.ts': 'syncs the file system, then the marker',
  'src/agent/toolchains/make-tool.ts': 'syncs every file and folder, and the parent',
  'src/store/copies.ts': 'syncs the file, and the folder after the rename',
  'src/published/pack.ts': 'syncs the file, and the folder after the rename',
  'src/backup/create.ts': 'syncs the file, and the folder after the rename',
  'src/agent/supervise/volumes.ts': 'a link to a volume, made again at each start',
  'src/agent/jobs/fifo-pool.ts': 'a pipe, made again after a power cut',
  'src/main/neighbour-record.ts': 'which process is which: worth nothing after a power cut',
  'src/main/claim-home.ts': 'who holds the home now: nobody after a power cut',
  'src/lib/seam.ts': 'what a test of failpoints writes',
  'src/agent/supervise/instance-record.ts': 'worth nothing after a power cut: it kills what the record is about',
  'src/agent/jobs/job-folder.ts': 'worth nothing after a power cut',
  'src/agent/jobs/kept-output.ts': 'the output of a job that a power cut ends',
  'src/agent/logs/app-log.ts': 'a log may lose its last moment',
  'src/main/bound-log.ts': 'a log of ours, put aside',
};

test('C4: whatever is put in its place by a rename is synced, or says why it need not be', () => {
  const found = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !/\/(?:fake|test)[^/]*$/.test(file))
    .filter((file) => /\brename(?:Sync)?\(/.test(readFileSync(join(root, file), 'utf8')));
  assert.deepEqual(
    found.filter((file) => !(file in renamers)),
    [],
    'use lib/atomic-write.ts, or write down here why not',
  );
});
