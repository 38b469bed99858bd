// How many refs a repository may have is counted over branches and tags, and follows each push.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeWorld } from './fake-world.ts';
import { mostRefs, StoredBranches } from './stored-branches.ts';

test('branches and tags count together, a removed one makes room, and only branches are told in the ledger', async () => {
  using fake = new FakeWorld();
  const app = await fake.createApp();
  const repository = await fake.world.repositoryOf(app);
  const commit = await fake.commit(app, { 'index.html': 'x' }, null);
  const branches = new StoredBranches(fake.world);
  await branches.look(app, repository);
  const before = branches.left(app);
  const ref = (name: string, to: string) => fake.git(app, ['update-ref', `refs/${name}`, to]);
  for (const name of ['heads/a', 'heads/b', 'tags/v1', 'tags/v2']) await ref(name, commit);
  await branches.note(app, repository, 'ada');
  assert.equal(branches.left(app), before - 4);
  await fake.git(app, ['update-ref', '-d', 'refs/tags/v1']);
  await branches.note(app, repository, 'ada');
  assert.equal(branches.left(app), before - 3);
  assert.ok(before <= mostRefs);
  const told = fake.database.prepare("SELECT count(*) AS n FROM events WHERE type LIKE 'branch.%'").get();
  assert.equal(told?.n, 2);
});
