import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppId } from '../domain/ids.ts';
import { ownMigrations } from './migrate.ts';
import { openDatabase } from './open.ts';
import { listQuality } from './quality.ts';

test('figures that were kept before name the changes that their release became of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-quality-'));
  try {
    const file = join(folder, 'lockstep.db');
    const before = openDatabase(file, { migrations: ownMigrations().filter(({ number }) => number < 9) });
    before.exec(`INSERT INTO teams VALUES ('t', 't', 0);
      INSERT INTO apps (id, team_id, name, identity, created_at_ms) VALUES ('a', 't', 'a', 1, 0);`);
    const change =
      before.prepare(`INSERT INTO changes (id, team_id, app_id, number, how, actor, branch, head, state, release_id, created_at_ms)
      VALUES (?, 't', 'a', ?, 'merge', '', 'main', '', ?, ?, 0)`);
    change.run('c7', 7, 'landed', 'r1');
    change.run('c5', 5, 'landed', 'r1');
    change.run('c6', 6, 'rejected', 'r1');
    before.exec(`INSERT INTO releases (id, team_id, app_id, version, cause, state, commit_id, tree_id, artifact_digest, config_version, set_id, actor,
      description, created_at_ms) VALUES ('r1', 't', 'a', 3, 'deploy', 'live', '', '', '', 1, '', '', '', 0);
      INSERT INTO quality (team_id, app_id, change_id, version, commit_id, figures, landed_at_ms) VALUES ('t', 'a', 'c5', 3, 'x', '{}', 0),
      ('t', 'a', 'gone', 2, 'y', '{}', 0);`);
    before.close();
    const now = openDatabase(file);
    assert.deepEqual(
      listQuality(now, 'a' as AppId, 9).map(({ version, changes }) => [version, changes]),
      [
        [2, []],
        [3, [5, 7]],
      ],
    );
    now.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
