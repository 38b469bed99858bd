import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { keepCopy, keptCopies, newestCopy } from './copies.ts';
import { type Migration, ownMigrations } from './migrate.ts';
import { isPassingTrouble, openDatabase } from './open.ts';

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'lockstep-open-'));
  readonly file = join(this.path, 'lockstep.db');
  readonly copies = (): string[] =>
    existsSync(join(this.path, 'copies')) ? readdirSync(join(this.path, 'copies')) : [];
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const known = ownMigrations().at(-1)!.number;
const next: Migration = {
  number: known + 1,
  sql: 'CREATE TABLE later (a INTEGER) STRICT; INSERT INTO later VALUES (7);',
};
const version = (database: DatabaseSync) => database.prepare('PRAGMA user_version').get()?.user_version;
const mark = (file: string, text: string): void => {
  const database = openDatabase(file);
  database
    .prepare("INSERT INTO meta (key, value) VALUES ('mark', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
    .run(text);
  database.close();
};
const marked = (database: DatabaseSync) => database.prepare("SELECT value FROM meta WHERE key = 'mark'").get()?.value;

test('migrations are numbered one after the other, and each number is one', () => {
  const numbers = ownMigrations().map(({ number }) => number);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
});

test('I1: before a migration the database is copied, and the copy goes once the new version has held', () => {
  using folder = new Folder();
  mark(folder.file, 'old');
  openDatabase(folder.file, { migrations: [...ownMigrations(), next] }).close();
  assert.deepEqual(folder.copies(), [`before-${known}.db`]);
  // The copy is a database that this program opens.
  copyFileSync(join(folder.path, 'copies', `before-${known}.db`), join(folder.path, 'copy.db'));
  const copy = openDatabase(join(folder.path, 'copy.db'));
  assert.equal(marked(copy), 'old');
  copy.close();
  openDatabase(folder.file, { migrations: [...ownMigrations(), next] }).close();
  assert.deepEqual(folder.copies(), []);
});

test('I1: a migration that fails changes nothing: the old program goes on, and says nothing', () => {
  using folder = new Folder();
  mark(folder.file, 'old');
  const broken: Migration = {
    number: known + 2,
    sql: 'CREATE TABLE later (a INTEGER) STRICT; SELECT no_such_function();',
  };
  assert.throws(() => openDatabase(folder.file, { migrations: [...ownMigrations(), next, broken] }), {
    code: 'bad-database',
    message: /table later already exists|no such function/,
  });
  const database = openDatabase(folder.file);
  assert.equal(version(database), known);
  assert.equal(marked(database), 'old');
  database.close();
});

test('I1: killed half way through a migration, the old program opens what is there, and so does the new one', () => {
  using folder = new Folder();
  mark(folder.file, 'old');
  const child = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { openDatabase } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)};
       import { ownMigrations } from ${JSON.stringify(new URL('./migrate.ts', import.meta.url).href)};
       const dies = { number: ${known + 2}, get sql() { process.kill(process.pid, 'SIGKILL'); return ''; } };
       openDatabase(process.argv[1], { migrations: [...ownMigrations(), ${JSON.stringify(next)}, dies] });`,
      folder.file,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(child.signal, 'SIGKILL', child.stderr);
  assert.ok(folder.copies().includes(`before-${known}.db`));
  const old = openDatabase(folder.file);
  assert.equal(version(old), known);
  assert.equal(marked(old), 'old');
  old.close();
  const migrated = openDatabase(folder.file, { migrations: [...ownMigrations(), next] });
  assert.equal(migrated.prepare('SELECT a FROM later').get()?.a, 7);
  migrated.close();
  assert.deepEqual(folder.copies(), [`before-${known}.db`], 'one copy of a version, however often it was begun');
});

test('I1: a database newer than the program is refused with what to do, and is left as it is', () => {
  using folder = new Folder();
  openDatabase(folder.file, { migrations: [...ownMigrations(), next] }).close();
  const before = readFileSync(folder.file);
  assert.throws(
    () => openDatabase(folder.file),
    (error: { code: string; message: string; advice: string }) => {
      assert.equal(error.code, 'bad-database');
      assert.equal(
        error.message,
        `the database is at version ${known + 1}, and this program knows only up to ${known}: a newer Lockstep wrote it`,
      );
      assert.match(error.advice, /^Start that newer Lockstep .* lockstep restore FILE\.$/);
      return true;
    },
  );
  assert.deepEqual(readFileSync(folder.file), before);
});

test('I2: bytes that were changed in the header or in a page are found at the opening, and the newest copy is named', async () => {
  for (const damage of ['header', 'page', 'cut', 'text'] as const) {
    using folder = new Folder();
    const database = openDatabase(folder.file);
    for (let at = 0; at < 400; at += 1)
      database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)').run(`key${at}`, 'x'.repeat(500));
    await keepCopy(database, folder.file, new Date(0));
    database.close();
    const bytes = readFileSync(folder.file);
    const pageSize = 4096;
    if (damage === 'header') bytes.fill(0xff, 0, 64);
    if (damage === 'page')
      for (let at = pageSize * 3; at < bytes.length; at += pageSize * 4) bytes.fill(0xa5, at, at + 600);
    if (damage === 'text') bytes.fill('no database at all ', 0);
    writeFileSync(folder.file, damage === 'cut' ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes);
    assert.throws(
      () => openDatabase(folder.file),
      (error: { code: string; message: string; advice: string }) => {
        assert.equal(error.code, 'bad-database', damage);
        assert.match(error.message, /is damaged: /);
        const copy = join(folder.path, 'copies', 'kept-19700101T000000Z.db');
        assert.ok(error.advice.includes(`cp -p ${copy} ${folder.file}`), error.advice);
        return true;
      },
    );
    // And the way that it says is one.
    for (const end of ['', '-wal', '-shm']) rmSync(`${folder.file}${end}`, { force: true });
    copyFileSync(join(folder.path, 'copies', 'kept-19700101T000000Z.db'), folder.file);
    const again = openDatabase(folder.file);
    assert.equal(again.prepare("SELECT count(*) AS n FROM meta WHERE key LIKE 'key%'").get()?.n, 400);
    again.close();
  }
});

test('I2: without its WAL, with a stale -shm, or copied alone while it is open, the database opens with what was in it', () => {
  using folder = new Folder();
  mark(folder.file, 'first');
  const open = openDatabase(folder.file);
  open.prepare("UPDATE meta SET value = 'second' WHERE key = 'mark'").run();
  const alone = join(folder.path, 'alone.db');
  copyFileSync(folder.file, alone);
  const first = openDatabase(alone);
  assert.equal(marked(first), 'first', 'what was only in the WAL is not there; the rest is whole');
  first.close();
  const stale = join(folder.path, 'stale.db');
  copyFileSync(folder.file, stale);
  copyFileSync(`${folder.file}-wal`, `${stale}-wal`);
  writeFileSync(`${stale}-shm`, Buffer.alloc(32_768, 0x5a));
  const second = openDatabase(stale);
  assert.equal(marked(second), 'second');
  second.close();
  open.close();
});

test('I2: a database that is gone or empty where apps are is refused, and not begun anew', () => {
  using folder = new Folder();
  assert.throws(() => openDatabase(folder.file, { mustHold: true }), { code: 'bad-database', message: /it is empty/ });
  mark(folder.file, 'there');
  openDatabase(folder.file, { mustHold: true }).close();
});

test('I2: a long reader stops nobody; who writes for long is waited for a little, then the answer is that it is busy', () => {
  using folder = new Folder();
  mark(folder.file, 'first');
  const ours = openDatabase(folder.file);
  const other = new DatabaseSync(folder.file);
  other.exec('BEGIN');
  assert.equal(marked(other), 'first');
  ours.prepare("UPDATE meta SET value = 'second' WHERE key = 'mark'").run();
  assert.equal(marked(other), 'first', 'the reader reads on');
  other.exec('COMMIT; BEGIN IMMEDIATE');
  const startedAtMs = performance.now();
  assert.throws(() => ours.prepare("UPDATE meta SET value = 'third' WHERE key = 'mark'").run(), isPassingTrouble);
  assert.ok(performance.now() - startedAtMs < 4000, 'the other work of control does not wait for long');
  assert.equal(marked(ours), 'second', 'reading goes on');
  other.exec('COMMIT');
  ours.prepare("UPDATE meta SET value = 'third' WHERE key = 'mark'").run();
  other.close();
  ours.close();
});

test('of the copies that are kept there are so many at most, each whole', async () => {
  using folder = new Folder();
  const database = openDatabase(folder.file);
  for (let day = 1; day <= keptCopies + 2; day += 1)
    await keepCopy(database, folder.file, new Date(Date.UTC(2026, 0, day)));
  assert.deepEqual(folder.copies(), [
    'kept-20260103T000000Z.db',
    'kept-20260104T000000Z.db',
    'kept-20260105T000000Z.db',
  ]);
  assert.equal(statSync(newestCopy(folder.file)!).mode & 0o077, 0, 'closed to others');
  openDatabase(newestCopy(folder.file)!).close();
  database.close();
});
