// A database that control cannot open: sites go on, whoever asks is told why and what to do, nothing spins, and control comes
// up by itself once the database is good again.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Stage, until } from './support/stage.ts';

const page = (number: number) => ({ 'index.html': `<h1>Page ${number}</h1>` });

function setVersion(file: string, version: number | null): number {
  const database = new DatabaseSync(file);
  const before = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version !== null) database.exec(`PRAGMA user_version=${version}`);
  database.close();
  return before;
}

const controlAnswers = async (stage: Stage): Promise<boolean> => (await stage.api('/apps')).status === 200;

test('I1, I2: with a database too new or damaged sites go on, the reason and the way back are said, and control comes back', async () => {
  await using stage = await Stage.open();
  const work = await stage.makeApp('blog', page(1));
  await stage.deploy(work);
  const file = join(stage.home, 'control', 'lockstep.db');
  assert.equal(await stage.down(), 0);
  const known = setVersion(file, 900);

  await stage.up();
  await until(
    async () => (await stage.get('blog')).status === 200,
    20_000,
    () => `the site does not serve\n${stage.upStderr}`,
  );
  assert.match((await stage.get('blog')).body, /Page 1/);
  const said = `the database is at version 900, and this program knows only up to ${known}: a newer Lockstep wrote it`;
  assert.ok(stage.upStderr.includes(said), stage.upStderr);
  const asked = await stage.api('/apps');
  assert.equal(asked.status, 503);
  assert.equal(asked.body.code, 'bad-database');
  assert.equal(asked.body.detail, said);
  const status = await stage.lockstep(['status', '--app', 'blog']);
  assert.equal(status.code, 74, status.stderr);
  assert.ok(status.stderr.includes(said) && status.stderr.includes('Start that newer Lockstep'), status.stderr);
  await stage.edit(work, 'index.html', 'Page 1', 'Page 2');
  const pushed = await stage.push(work);
  assert.notEqual(pushed.code, 0);
  assert.ok(pushed.stderr.includes('bad-database'), pushed.stderr);

  // It is one process that waits, and not one after the other.
  const { control } = stage.pids();
  assert.ok(control);
  setVersion(file, known);
  await until(
    () => controlAnswers(stage),
    20_000,
    () => `control does not come up by itself\n${stage.logs()}`,
  );
  assert.equal(stage.pids().control, control);

  // What there is now was copied when control came up.
  const copies = () => globSync('kept-*.db', { cwd: join(stage.home, 'control', 'copies') });
  await until(
    () => copies().length > 0,
    10_000,
    () => 'no copy was made',
  );
  assert.equal(await stage.down(), 0);
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 4096 * 2, 4096 * 6);
  writeFileSync(file, bytes);

  await stage.up();
  await until(
    async () => (await stage.get('blog')).status === 200,
    20_000,
    () => `the site does not serve\n${stage.upStderr}`,
  );
  const damaged = await stage.api('/apps');
  assert.equal(damaged.body.code, 'bad-database', JSON.stringify(damaged));
  assert.match(damaged.body.detail, /is damaged/);
  const commands = /(mv .*?)\. Control comes up/.exec(damaged.body.advice)?.[1];
  assert.ok(commands, damaged.body.advice);
  const done = await stage.run(['sh', '-ec', commands]);
  assert.equal(done.code, 0, done.stderr);
  await until(
    () => controlAnswers(stage),
    30_000,
    () => `control does not come up by itself\n${stage.logs()}`,
  );
  assert.ok(existsSync(`${file}.damaged`));
  assert.match((await stage.get('blog')).body, /Page 1/);
  await stage.deploy(work);
  assert.match((await stage.get('blog')).body, /Page 2/);
  await stage.inSync('blog');
});
