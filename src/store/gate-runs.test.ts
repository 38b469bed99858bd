import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { keptGateRuns } from '../domain/gate-run.ts';
import { makeId } from '../domain/ids.ts';
import { parseAppName, parseHostname } from '../domain/names.ts';
import { insertApp } from './apps.ts';
import { keepGateRun, recentGateRuns } from './gate-runs.ts';
import { openDatabase } from './open.ts';

const id = <P extends 'app' | 'tea'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

test('of the gates of each app the newest are kept, and those of an app that is gone go with it', () => {
  const database = openDatabase(':memory:');
  const teamId = id('tea');
  database.prepare('INSERT INTO teams VALUES (?, ?, 0)').run(teamId, 'ours');
  const [one, other] = ['one', 'other'].map((name) => {
    const hosts = [parseHostname(`${name}.localhost`)];
    const principal = { tokenId: null, name: 'ada', teamId, rights: [], appIds: null };
    return insertApp(database, principal, {
      ...{ id: id('app'), name: parseAppName(name), mainBranch: null, hosts, createdAtMs: 0 },
    })!;
  });
  const keep = (appId: typeof one, atMs: number) =>
    keepGateRun(database, { teamId, appId: appId!.id }, { changeId: null, checks: [], atMs });
  keep(other, 1);
  for (let at = 0; at < keptGateRuns + 7; at += 1) keep(one, at);
  const kept = recentGateRuns(database, one!.id).map(({ atMs }) => atMs);
  assert.deepEqual([kept.length, kept[0], kept.at(-1)], [keptGateRuns, keptGateRuns + 6, 7]);
  assert.equal(recentGateRuns(database, other!.id).length, 1);
  database.prepare('DELETE FROM apps WHERE id = ?').run(one!.id);
  keep(one, 99);
  assert.deepEqual(recentGateRuns(database, one!.id), []);
});
