import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { makeId } from '../domain/ids.ts';
import type { LedgerEvent } from '../domain/ledger.ts';
import { openDatabase } from './open.ts';
import { transition } from './transition.ts';

function withFolder(work: (folder: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const id = <P extends 'app' | 'chg' | 'tea' | 'evt'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

function seed(database: DatabaseSync) {
  const [teamId, appId, changeId] = [id('tea'), id('app'), id('chg')];
  database.prepare('INSERT INTO teams VALUES (?, ?, 0)').run(teamId, 'default');
  database
    .prepare("INSERT INTO apps (id, team_id, name, identity, created_at_ms) VALUES (?, ?, 'blog', 1, 0)")
    .run(appId, teamId);
  database
    .prepare(
      "INSERT INTO changes (id, team_id, app_id, number, how, actor, branch, head, state, created_at_ms) VALUES (?, ?, ?, 1, 'push', 'owner', 'main', ?, 'received', 0)",
    )
    .run(changeId, teamId, appId, 'a'.repeat(40));
  const event = (): LedgerEvent => ({
    id: id('evt'),
    teamId,
    appId,
    changeId,
    releaseId: null,
    type: 'change.gating',
    actor: 'owner',
    atMs: 1,
    data: {},
  });
  return { teamId, appId, changeId, event };
}

test('a new database is durable, checked, and opens again', () =>
  withFolder((folder) => {
    const file = join(folder, 'lockstep.db');
    openDatabase(file).close();
    const database = openDatabase(file);
    assert.deepEqual({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' });
    assert.deepEqual({ ...database.prepare('PRAGMA synchronous').get() }, { synchronous: 2 });
    database.close();
  }));

test('a newer or a corrupt database is refused', () =>
  withFolder((folder) => {
    const newer = join(folder, 'newer.db');
    const database = new DatabaseSync(newer);
    database.exec('PRAGMA user_version=9999');
    database.close();
    assert.throws(() => openDatabase(newer), { code: 'bad-database' });
    const corrupt = join(folder, 'corrupt.db');
    writeFileSync(corrupt, randomBytes(8192));
    assert.throws(() => openDatabase(corrupt), { code: 'bad-database' });
  }));

test('a transition is won once, and the ledger holds exactly the winner', () =>
  withFolder((folder) => {
    const database = openDatabase(join(folder, 'lockstep.db'));
    const { changeId, event } = seed(database);
    const move = {
      table: 'changes',
      id: changeId,
      from: 'received',
      to: 'gating',
      set: { candidate: 'b'.repeat(40) },
    } as const;
    assert.equal(transition(database, { ...move, event: event() }), true);
    assert.equal(transition(database, { ...move, event: event() }), false);
    assert.equal(database.prepare('SELECT count(*) AS n FROM events').get()?.n, 1);
    assert.equal(database.prepare('SELECT candidate FROM changes').get()?.candidate, 'b'.repeat(40));
    database.close();
  }));

test('a transition that no table allows throws, and one whose event fails changes nothing', () =>
  withFolder((folder) => {
    const database = openDatabase(join(folder, 'lockstep.db'));
    const { changeId, event } = seed(database);
    assert.throws(
      () => transition(database, { table: 'changes', id: changeId, from: 'received', to: 'landed', event: event() }),
      /no transition/,
    );
    const first = event();
    assert.equal(
      transition(database, { table: 'changes', id: changeId, from: 'received', to: 'gating', event: first }),
      true,
    );
    assert.throws(
      () => transition(database, { table: 'changes', id: changeId, from: 'gating', to: 'rejected', event: first }),
      /UNIQUE/,
    );
    assert.equal(database.prepare('SELECT state FROM changes').get()?.state, 'gating');
    database.close();
  }));

test('an app is destroyed with everything of it, and one app has one live release', () =>
  withFolder((folder) => {
    const database = openDatabase(join(folder, 'lockstep.db'));
    const { teamId, appId } = seed(database);
    const release = database.prepare(
      "INSERT INTO releases (id, team_id, app_id, version, cause, state, commit_id, tree_id, artifact_digest, config_version, set_id, actor, description, created_at_ms) VALUES (?, ?, ?, ?, 'deploy', 'live', 'c', 't', 'd', 1, 's', 'owner', '', 0)",
    );
    release.run('rel_1', teamId, appId, 1);
    assert.throws(() => release.run('rel_2', teamId, appId, 2), /UNIQUE/);
    database.prepare('DELETE FROM apps WHERE id = ?').run(appId);
    for (const table of ['changes', 'releases'])
      assert.equal(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n, 0);
    database.close();
  }));
