import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keepableRows } from '../config/config.ts';
import { openDatabase } from './open.ts';
import { defaultLimits, dropOld } from './retention.ts';

test('the newest of each app stay, and what its kept releases need', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-retention-'));
  const database = openDatabase(join(folder, 'lockstep.db'));
  try {
    database.exec(`
      INSERT INTO teams VALUES ('t', 'default', 0);
      INSERT INTO apps (id, team_id, name, identity, created_at_ms) VALUES ('a', 't', 'a', 1, 0), ('b', 't', 'b', 2, 0);
      INSERT INTO releases (id, team_id, app_id, version, cause, state, commit_id, tree_id, artifact_digest, config_version,
        set_id, actor, description, created_at_ms) VALUES ('r1', 't', 'a', 1, 'deploy', 'live', 'c', 'tree1', 'd', 0, 's', 'x', '', 0)`);
    for (let at = 1; at <= 20; at += 1) {
      database.exec(`
        INSERT INTO events (id, team_id, app_id, type, actor, at_ms, data) VALUES ('a${at}', 't', 'a', 'x', 'x', 0, '{}');
        INSERT INTO events (id, team_id, app_id, type, actor, at_ms, data) VALUES ('n${at}', 't', NULL, 'x', 'x', 0, '{}');
        INSERT INTO changes (id, team_id, app_id, number, how, actor, branch, head, state, verdict, created_at_ms, ended_at_ms)
          VALUES ('chg${at}', 't', 'a', ${at}, 'push', 'x', 'main', 'h', 'landed', '{}', 0, ${at === 1 ? 'NULL' : 0});
        INSERT INTO receipts VALUES ('t', 'a', 'rel${String(at).padStart(2, '0')}', ${at}, 'c', 'text', ${at === 2 ? 0 : 1}, 0);
        INSERT INTO verdicts VALUES ('t', 'a', 'k${at}', 'tree${at}', 'p', 'passed', '{}', ${at})`);
    }
    database.exec(
      "INSERT INTO events (id, team_id, app_id, type, actor, at_ms, data) VALUES ('b1', 't', 'b', 'x', 'x', 0, '{}')",
    );
    dropOld(database, { ...defaultLimits, events: 5, changes: 8, verdicts: 3, receipts: 4, releases: 30 });
    const count = (sql: string): number => Number(Object.values(database.prepare(sql).get()!)[0]);
    assert.equal(count("SELECT count(*) FROM events WHERE app_id = 'a'"), 5);
    assert.equal(count("SELECT count(*) FROM events WHERE app_id = 'b'"), 1);
    assert.equal(count('SELECT count(*) FROM events WHERE app_id IS NULL'), 5);
    assert.equal(count('SELECT count(*) FROM receipts'), 20);
    assert.equal(count("SELECT count(*) FROM receipts WHERE body IS NOT NULL AND release_id > 'rel16'"), 4);
    assert.equal(
      count('SELECT count(*) FROM receipts WHERE body IS NOT NULL'),
      4 + 1,
      'one that is in no note yet stays',
    );
    assert.equal(count('SELECT count(*) FROM changes'), 8 + 1);
    assert.equal(count('SELECT count(*) FROM changes WHERE verdict IS NOT NULL AND ended_at_ms IS NOT NULL'), 3);
    assert.deepEqual(
      database
        .prepare('SELECT key FROM verdicts ORDER BY created_at_ms')
        .all()
        .map((row) => row.key),
      ['k1', 'k18', 'k19', 'k20'],
    );
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
});

test('releases beyond their limit go with what was only theirs; the live one and its things stay', () => {
  const database = openDatabase(':memory:');
  database.exec(`
    INSERT INTO teams VALUES ('t', 'default', 0);
    INSERT INTO apps (id, team_id, name, identity, created_at_ms) VALUES ('a', 't', 'a', 1, 0)`);
  for (let at = 1; at <= 30; at += 1) {
    const id = String(at).padStart(2, '0');
    // The oldest is live: a rollback may bring back what is far behind.
    const state = at === 1 ? 'live' : at % 3 === 0 ? 'failed' : 'retired';
    database.exec(`
      INSERT INTO config_versions VALUES ('t', 'a', ${at}, '{}', 'x', 0);
      INSERT INTO artifacts VALUES ('t', 'a', 'd${at}', 'tree${at}', NULL, NULL, '{}', 0, NULL, NULL);
      INSERT INTO receipts VALUES ('t', 'a', 'r${id}', ${at}, 'c', 'text', 1, 0);
      INSERT INTO releases (id, team_id, app_id, version, cause, state, commit_id, tree_id, artifact_digest, config_version,
        set_id, actor, description, created_at_ms)
        VALUES ('r${id}', 't', 'a', ${state === 'failed' ? 'NULL' : at}, 'deploy', '${state}', 'c', 'tree${at}', 'd${at}', ${at}, 's', 'x', '', 0)`);
  }
  database.exec(`
    INSERT INTO tokens VALUES ('old', 't', 'n', 'h1', '[]', NULL, 0, NULL, 1, NULL);
    INSERT INTO tokens VALUES ('ran-out', 't', 'n', 'h2', '[]', NULL, 0, 1, NULL, NULL);
    INSERT INTO tokens VALUES ('lasting', 't', 'n', 'h3', '[]', NULL, 0, NULL, NULL, NULL);
    INSERT INTO tokens VALUES ('fresh', 't', 'n', 'h4', '[]', NULL, 0, NULL, ${Date.now()}, NULL)`);
  dropOld(database, { ...defaultLimits, releases: 4, configVersions: 2 });
  const names = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row)[0]);
  assert.deepEqual(names('SELECT id FROM releases ORDER BY id'), [
    'r01',
    'r21',
    'r24',
    'r25',
    'r26',
    'r27',
    'r28',
    'r29',
    'r30',
  ]);
  assert.equal(names('SELECT digest FROM artifacts').length, 9);
  assert.equal(names('SELECT release_id FROM receipts').length, 9);
  assert.deepEqual(names('SELECT version FROM config_versions ORDER BY version'), [1, 21, 24, 25, 26, 27, 28, 29, 30]);
  assert.deepEqual(names('SELECT id FROM tokens ORDER BY id'), ['fresh', 'lasting']);
  database.close();
});

test('what rows leave free goes back to the disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-retention-'));
  const file = join(folder, 'lockstep.db');
  const database = openDatabase(file);
  try {
    const insert = database.prepare(
      "INSERT INTO events (id, team_id, type, actor, at_ms, data) VALUES (?, 't', 'x', 'x', 0, ?)",
    );
    for (let at = 0; at < 500; at += 1) insert.run(`e${at}`, 'x'.repeat(4000));
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const before = statSync(file).size;
    dropOld(database, { ...defaultLimits, events: 10 });
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    assert.ok(statSync(file).size < before / 4, `${before} -> ${statSync(file).size}`);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
});

test('the rows whose number can be set are those that are kept', () => {
  assert.deepEqual(Object.keys(defaultLimits), keepableRows);
});
