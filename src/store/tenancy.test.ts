import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Principal } from '../domain/app.ts';
import { makeId } from '../domain/ids.ts';
import { parseAppName, parseHostname } from '../domain/names.ts';
import { deleteApp, findApp, firstIdentity, insertApp, listApps } from './apps.ts';
import { openDatabase } from './open.ts';
import { insertToken, listTokens, principalOf, revokeToken } from './tokens.ts';

const id = <P extends 'app' | 'tea' | 'tok'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

function twoTeams() {
  const database = openDatabase(':memory:');
  const principal = (name: string): Principal => {
    const teamId = id('tea');
    database.prepare('INSERT INTO teams VALUES (?, ?, 0)').run(teamId, name);
    return { tokenId: null, name, teamId, rights: ['read', 'deploy', 'config', 'admin'], appIds: null };
  };
  const create = (who: Principal, name: string) =>
    insertApp(database, who, {
      id: id('app'),
      name: parseAppName(name),
      mainBranch: null,
      hosts: [parseHostname(`${name}.localhost`)],
      createdAtMs: 0,
    });
  return { database, ours: principal('ours'), theirs: principal('theirs'), create };
}

test('a foreign app is not there, for any question', () => {
  const { database, ours, theirs, create } = twoTeams();
  const app = create(ours, 'blog');
  assert.ok(app);
  assert.equal(findApp(database, ours, app.name)?.id, app.id);
  assert.equal(findApp(database, theirs, app.name), null);
  assert.deepEqual(listApps(database, theirs, '', 10), []);
  assert.equal(deleteApp(database, theirs, app.id), false);
  const scoped = { ...ours, appIds: [] };
  assert.equal(findApp(database, scoped, app.name), null);
  assert.equal(deleteApp(database, scoped, app.id), false);
});

test('a name and a host belong to one app, and identities are never shared', () => {
  const { database, ours, theirs, create } = twoTeams();
  const [one, two, three] = ['one', 'two', 'three'].map((name) => create(ours, name)!);
  assert.equal(create(theirs, 'one'), null);
  assert.deepEqual(
    [one, two, three].map((app) => app!.liveUid),
    [firstIdentity, firstIdentity + 2, firstIdentity + 4],
  );
  assert.equal(deleteApp(database, ours, two!.id), true);
  // What app two left behind must not become app four's.
  assert.equal(create(theirs, 'four')?.liveUid, firstIdentity + 6);
  assert.deepEqual(
    listApps(database, ours, 'one', 10).map(({ name }) => name),
    ['three'],
  );
});

test('a token is known by its secret only, until it expires or is revoked', () => {
  const { database, ours, theirs } = twoTeams();
  const tokenId = id('tok');
  insertToken(database, {
    id: tokenId,
    teamId: ours.teamId,
    name: 'ci',
    secret: 's3cret',
    rights: ['read', 'deploy'],
    appIds: null,
    createdAtMs: 0,
    expiresAtMs: 100,
  });
  assert.deepEqual(principalOf(database, 's3cret', 50), {
    tokenId,
    name: 'ci',
    teamId: ours.teamId,
    rights: ['read', 'deploy'],
    appIds: null,
  });
  assert.equal(principalOf(database, 's3cre', 50), null);
  assert.equal(principalOf(database, 's3cret', 100), null);
  assert.ok(!JSON.stringify(database.prepare('SELECT * FROM tokens').all()).includes('s3cret'));
  assert.equal(revokeToken(database, theirs, tokenId, 60), false);
  assert.equal(revokeToken(database, ours, tokenId, 60), true);
  assert.equal(principalOf(database, 's3cret', 61), null);
  assert.equal(listTokens(database, ours)[0]?.revokedAtMs, 60);
});
