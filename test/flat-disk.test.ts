// Two hundred releases, with rejected pushes and rollbacks between them: what grows has a collector and a limit, so that the home
// is as large after two hundred as after fifty, and a kept release is still a rollback away.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { type Ended, type Json, Stage, until } from './support/stage.ts';

const releasesOfEach = 100;
const keepRows = { events: 300, changes: 40, verdicts: 20, receipts: 20, releases: 20, configVersions: 10 };

class Author {
  readonly #stage: Stage;
  readonly name: string;
  readonly #work: string;
  releases = 0;
  rejected = 0;

  private constructor(stage: Stage, name: string, work: string) {
    this.#stage = stage;
    this.name = name;
    this.#work = work;
  }

  static async begin(stage: Stage, name: string): Promise<Author> {
    const author = new Author(stage, name, await stage.makeApp(name, { 'index.html': 'Release 1' }));
    await stage.deploy(author.#work);
    author.releases = 1;
    return author;
  }

  /** A push, a change of config, and two rollbacks; now and then a push that is rejected. */
  async next(): Promise<void> {
    if (this.releases % 10 === 8) await this.#reject();
    if (this.releases % 4 === 1) await this.#push();
    else if (this.releases % 4 === 2) await this.#configure();
    else await this.rollBack(this.releases - 2);
    this.releases += 1;
  }

  async #push(): Promise<void> {
    // Main may be further than the work tree: a rollback is a commit of its own.
    await this.#sh('git fetch -q lockstep main && git reset -q --hard FETCH_HEAD');
    writeFileSync(join(this.#work, 'index.html'), `Release ${this.releases + 1} of ${this.name}`);
    const pushed = await this.#sh('git commit -qam next && git push -q lockstep main');
    assert.equal(pushed.code, 0, pushed.stderr);
  }

  /** Half a megabyte that main never sees. */
  async #reject(): Promise<void> {
    await this.#sh('git fetch -q lockstep main && git reset -q --hard FETCH_HEAD');
    writeFileSync(join(this.#work, 'Procfile'), 'web: exit 1\n');
    writeFileSync(join(this.#work, 'data'), randomBytes(500_000));
    const pushed = await this.#sh('git add -A && git commit -qm rejected && git push -q lockstep main');
    assert.match(pushed.stderr, /gate: boot: exited with code 1/);
    this.rejected += 1;
  }

  async #configure(): Promise<void> {
    const body = { set: { WORD: `of ${this.releases}` } };
    const asked = await this.#stage.api(`/apps/${this.name}/config`, { method: 'PATCH', body });
    assert.equal(asked.status, 202, JSON.stringify(asked.body));
    await this.#ends(`releases/${asked.body.started.id}`, 'live');
  }

  async rollBack(version: number): Promise<void> {
    const asked = await this.#stage.api(`/apps/${this.name}/rollbacks`, { method: 'POST', body: { version } });
    assert.equal(asked.status, 202, JSON.stringify(asked.body));
    await this.#ends(`changes/${asked.body.id}`, 'landed');
  }

  async #ends(path: string, state: string): Promise<void> {
    let last: Json = null;
    await until(
      async () => {
        last = (await this.#stage.api(`/apps/${this.name}/${path}`)).body;
        return last.state === state;
      },
      20_000,
      () => `${path} is not ${state}: ${JSON.stringify(last)}`,
    );
  }

  #sh(commands: string): Promise<Ended> {
    return this.#stage.run(['sh', '-c', commands], { cwd: this.#work });
  }
}

/** KiB of the home, without what is fetched once and what is held in reserve. */
function kibibytesOf(stage: Stage): number {
  const words = ['-sk', '--exclude=toolchains', '--exclude=reserve', stage.home];
  return Number(execFileSync('du', words, { encoding: 'utf8' }).split('\t')[0]);
}

test('two hundred releases with rejected pushes between them leave the disk as flat as a hundred did', async () => {
  const rows = Object.entries(keepRows).map(([name, count]) => `${name}=${count}`);
  await using stage = await Stage.open({ LOCKSTEP_KEEP_ROWS: rows.join(',') });
  const authors = await Promise.all(['ann', 'ben'].map((name) => Author.begin(stage, name)));
  const sizes: number[] = [];
  for (const until50 of [25, 50, 75, releasesOfEach]) {
    await Promise.all(
      authors.map(async (author) => {
        while (author.releases < until50) await author.next();
      }),
    );
    sizes.push(kibibytesOf(stage));
  }
  const rejected = authors.reduce((sum, one) => sum + one.rejected, 0);
  assert.ok(rejected >= 18, `${rejected} rejected`);
  // After a hundred every collector has had its turn: so many ended jobs are kept, and so many changes of a document.
  const [, first, ...later] = sizes;
  for (const size of later)
    assert.ok(size < first! + 3_000, `KiB after 50, 100, 150, 200 releases: ${sizes.join(', ')}`);
  assert.ok(Math.max(...sizes) < 24_000, `KiB: ${sizes.join(', ')}`);

  // The oldest of those that are kept is a rollback away, and its files are there still.
  for (const author of authors) {
    await author.rollBack(author.releases - 8);
    assert.match((await stage.get(author.name)).body, new RegExp(`Release \\d+ of ${author.name}`));
  }
  const database = new DatabaseSync(join(stage.home, 'control', 'lockstep.db'), { readOnly: true });
  const count = (table: string): number =>
    Number(database.prepare(`SELECT max(n) AS n FROM (SELECT count(*) AS n FROM ${table} GROUP BY app_id)`).get()?.n);
  // Between two rounds of the collector up to 25 changes come, with what belongs to them.
  const limits = { events: 300 + 25 * 12, changes: 40 + 30, releases: 2 * (20 + 30), artifacts: 80, verdicts: 80 };
  for (const [table, most] of Object.entries(limits)) assert.ok(count(table) <= most, `${table}: ${count(table)}`);
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  database.close();
});
