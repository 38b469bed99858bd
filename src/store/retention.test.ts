import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from './open.ts';
import { dropOld } from './retention.ts';

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
    dropOld(database, { events: 5, changes: 8, verdicts: 3, receipts: 4 });
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
