// Receipts are made beside the landing, never lost by a crash, and kept as notes that only Lockstep writes.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { verifyReceipt } from '../proof/receipt-text.ts';
import { signerOf } from '../proof/signing-key.ts';
import { listReleases } from '../store/releases.ts';
import { editOf, startConfigChange } from './config-release.ts';
import { FakeWorld, page } from './fake-world.ts';
import { ReceiptBook } from './receipts.ts';
import { recover } from './recover.ts';
import { startRollback } from './rollback.ts';
import type { World } from './world.ts';

const signer = signerOf(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

async function ended(stage: FakeWorld, id: string): Promise<void> {
  for await (const step of stage.world.progress.follow(id as never, AbortSignal.timeout(10_000))!)
    if ('end' in step) assert.ok(step.end.ok, JSON.stringify(step));
}

async function notes(stage: FakeWorld): Promise<Map<string, string>> {
  const listed = (await stage.git(stage.app(), ['notes', '--ref=lockstep', 'list'])).trim();
  const entries = listed === '' ? [] : listed.split('\n').map((line) => line.split(' ') as [string, string]);
  return new Map(
    await Promise.all(
      entries.map(
        async ([blob, commit]) => [commit, await stage.git(stage.app(), ['cat-file', 'blob', blob])] as const,
      ),
    ),
  );
}

test('a push, a rollback, a change of config and a finished recovery each have their receipt, also after a crash', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  await stage.land(app, two, one);
  const back = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  await ended(stage, back.id);
  const secret = 'correct-horse-battery';
  const edit = editOf({ set: new Map([['SECRET', secret]]), unset: [] });
  const config = await startConfigChange(stage.world, stage.app(), edit, {
    actor: 'owner',
    description: 'config: SECRET',
    cause: 'config',
  });
  await ended(stage, config.id!);
  const main = (await stage.git(app, ['rev-parse', 'refs/heads/main'])).trim();
  const four = await stage.commit(app, page('four'), main as never);
  await stage.land(app, four, main as never);
  // A control that died before it wrote the last landing down, and before it made any receipt.
  stage.database.prepare("UPDATE changes SET state='passed', ended_at_ms=NULL WHERE head=?").run(four);
  stage.database
    .prepare("UPDATE releases SET state='starting', version=NULL, live_at_ms=NULL WHERE commit_id=?")
    .run(four);
  const world = stage.restart();
  const { id } = stage.database.prepare('SELECT id FROM changes WHERE head=?').get(four) as { id: string };
  assert.equal((await recover(world)).rolledForward, 1);
  await ended(stage, id);
  assert.ok(stage.due.has(app.id), 'the recovery said that a receipt is due');

  const book = new ReceiptBook(world, signer);
  book.makeUp();
  await book.settle();
  const releases = listReleases(stage.database, app.id, null, 10);
  const receipts = releases.map((release) => verifyReceipt(Buffer.from(book.of(app, release)), signer.pem).receipt);
  assert.deepEqual(
    receipts.map((one) => [one.release.version, one.release.cause, one.change?.how ?? null]),
    [
      [5, 'deploy', 'push'],
      [4, 'config', null],
      [3, 'rollback', 'rollback'],
      [2, 'deploy', 'push'],
      [1, 'deploy', 'push'],
    ],
  );
  const [last, configured, rolledBack, , first] = receipts as [never, never, never, never, never] as typeof receipts;
  assert.deepEqual([last!.commit, last!.change!.base, last!.tree], [four, main, releases[0]!.treeId]);
  assert.ok(last!.moments.recovered && last!.moments.received);
  assert.equal(first!.verdict?.outcome, 'passed');
  assert.ok(first!.verdict?.checks.some((check) => check.kind === 'boot' && check.metrics.healthStatus === 200));
  assert.deepEqual([rolledBack!.tree, rolledBack!.change!.isMemoised], [first!.tree, true]);
  assert.notEqual(configured!.config.hash, rolledBack!.config.hash);
  assert.equal(configured!.commit, rolledBack!.commit);
  assert.ok(!JSON.stringify(receipts).includes(secret));

  const kept = await notes(stage);
  assert.deepEqual([...kept.keys()].sort(), [one, two, main, four].sort(), 'a note for each commit that landed');
  for (const text of kept.values()) assert.ok(verifyReceipt(Buffer.from(text), signer.pem));
  // Again, there is nothing to do.
  const before = await stage.git(app, ['rev-parse', 'refs/notes/lockstep']);
  book.makeUp();
  await book.settle();
  assert.equal(await stage.git(app, ['rev-parse', 'refs/notes/lockstep']), before);
});

test('a note that cannot be written is written later, and the receipt is there meanwhile', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  let isBroken = true;
  const book = new ReceiptBook(
    {
      ...stage.world,
      repositoryOf: (of) => (isBroken ? Promise.reject(new Error('no room')) : stage.world.repositoryOf(of)),
    },
    signer,
  );
  book.makeUp();
  await book.settle();
  assert.match(String(stage.logged.at(-1)?.message), /receipts of app_.* wait: no room/);
  const [release] = listReleases(stage.database, app.id, null, 1);
  const file = book.of(app, release!);
  assert.ok(verifyReceipt(Buffer.from(file), signer.pem));
  assert.equal((await notes(stage)).size, 0);
  isBroken = false;
  const next = new ReceiptBook(stage.world, signer);
  next.makeUp();
  await next.settle();
  assert.equal((await notes(stage)).get(one), file, 'the note is the receipt, byte for byte');
});

test('a receipt that waits to be tried again keeps no other waiting', async () => {
  using stage = new FakeWorld();
  const [app, other] = [await stage.createApp(), await stage.createApp('shop')];
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const repositoryOf: World['repositoryOf'] = (of) =>
    of.id === app.id ? Promise.reject(new Error('no room')) : stage.world.repositoryOf(of);
  const book = new ReceiptBook({ ...stage.world, repositoryOf }, signer);
  book.due(app);
  await book.settle();
  await stage.land(other, await stage.commit(other, page('two'), null), null);
  book.due(other);
  const noted = stage.database.prepare('SELECT 1 FROM receipts WHERE app_id = ? AND is_noted = 1');
  for (const limit = performance.now() + 15_000; noted.get(other.id) === undefined; await pause(10))
    assert.ok(performance.now() < limit, 'it waits for the other');
});

test('nobody but Lockstep writes the notes, on the server neither', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await assert.rejects(stage.git(app, ['update-ref', 'refs/notes/lockstep', one]), (error: Error) =>
    /holds the receipts/.test((error as { result?: { stderr: string } }).result?.stderr ?? ''),
  );
  await stage.git(app, ['update-ref', 'refs/notes/other', one]);
});

test('without a key that can be read receipts wait, and landing goes on', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const book = new ReceiptBook(stage.world, null);
  book.makeUp();
  await book.settle();
  const [release] = listReleases(stage.database, app.id, null, 1);
  assert.throws(() => book.of(app, release!), { code: 'internal' });
  assert.ok(new ReceiptBook(stage.world, signer).of(app, release!));
});

test('an app that was destroyed while its note waited does not get its repository back', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const forgotten: string[] = [];
  const book = new ReceiptBook(
    {
      ...stage.world,
      async repositoryOf(of) {
        const opened = await stage.world.repositoryOf(of);
        stage.database.prepare('DELETE FROM apps WHERE id = ?').run(app.id);
        return opened;
      },
      forget: async (id) => void forgotten.push(id),
    },
    signer,
  );
  book.makeUp();
  await book.settle();
  assert.deepEqual(forgotten, [app.id]);
});
