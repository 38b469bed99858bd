// The deploys of a small static site, one after the other and of every kind, on a Lockstep that may die under each: how to
// ask for it, and nothing about how it ends. What the site runs in is what its files say.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { readHomeSurely } from './home-facts.ts';
import { root, type Stage, until } from './stage.ts';

export const deployKinds = ['first push', 'change', 'reject', 'rollback', 'config change'] as const;
/** Where what an app leaves is an engine's to remove. */
export const kindsInEngine = [...deployKinds, 'destroy'] as const;
export type DeployKind = (typeof kindsInEngine)[number];

/** Files that an app has besides the example's. */
export type DeployFiles = {
  /** Of a tree with this page: they make the agent do more, or something else. */
  more?: (page: number) => Record<string, string>;
  /** Of a tree that must be refused: it does not start. */
  broken?: Record<string, string>;
};

export class Deploys {
  readonly #stage: Stage;
  readonly app: string;
  readonly #work: string;
  readonly #files: Required<DeployFiles>;
  #page = 0;
  #firsts = 0;

  private constructor(stage: Stage, app: string, work: string, files: DeployFiles) {
    this.#stage = stage;
    this.app = app;
    this.#work = work;
    this.#files = { more: () => ({}), broken: { Procfile: 'web: exit 1\n' }, ...files };
  }

  /** With two landed pages, so that there is one to go back to. */
  static async open(stage: Stage, app: string, files: DeployFiles = {}): Promise<Deploys> {
    const work = join(stage.folder, app);
    cpSync(join(root, 'examples', 'static-site'), work, { recursive: true });
    await stage.git(stage.folder, 'init', '-q', '-b', 'main', work);
    const deploys = new Deploys(stage, app, work, files);
    await deploys.#create(app);
    await deploys.commitPage();
    await stage.deploy(work);
    await deploys.commitPage();
    await stage.deploy(work);
    return deploys;
  }

  /** The work tree stands at main again, whatever became of what was pushed before. */
  async prepare(kind: DeployKind): Promise<void> {
    await this.#git('fetch', '-q', 'lockstep');
    await this.#git('reset', '-q', '--hard', 'lockstep/main');
    if (kind === 'change') await this.commitPage();
    if (kind === 'reject') {
      this.#stage.write(this.#work, this.#files.broken);
      await this.#stage.commit(this.#work, `break page ${this.#page}`);
    }
    if (kind === 'rollback' && this.#otherVersion() === null) {
      await this.commitPage();
      await this.#stage.deploy(this.#work);
    }
    if (kind === 'destroy') {
      await this.go('first push');
      this.endedWell('first push');
    }
  }

  /** Asks for it. Resolves when there is an answer or nobody can give one. */
  async go(kind: DeployKind): Promise<unknown> {
    if (kind === 'change' || kind === 'reject') return this.#stage.push(this.#work);
    if (kind === 'first push') {
      this.#firsts += 1;
      const name = `first-${this.#firsts}`;
      const remote = await this.#create(name, false).catch(() => null);
      // Not `stage.push`, which pushes to the app itself.
      return remote && this.#stage.git(this.#work, 'push', '-q', remote, 'main');
    }
    if (kind === 'destroy')
      return this.#stage.api(`/apps/first-${this.#firsts}`, { method: 'DELETE' }).catch((error: Error) => error);
    if (kind === 'rollback')
      return this.#ask('POST', '/rollbacks', { version: this.#otherVersion(), withConfig: false });
    this.#page += 1;
    return this.#ask('PATCH', '/config', { set: { MOOD: `sunny ${this.#page}` } });
  }

  /** Nobody has harmed it: the change that it made has ended as it should. */
  endedWell(kind: DeployKind): void {
    if (kind === 'config change' || kind === 'destroy') return; // it makes no change of main's
    const name = kind === 'first push' ? `first-${this.#firsts}` : this.app;
    const last = readHomeSurely(this.#stage.home)
      .apps.find((one) => one.name === name)
      ?.changes.at(-1);
    const expected = kind === 'reject' ? 'rejected' : 'landed';
    if (last?.state !== expected)
      assert.equal(last?.state, expected, `${kind}: ${last?.reason}\n${this.#stage.logs()}`);
  }

  /** Removes the apps of first pushes, and waits until they are gone. */
  async clear(): Promise<void> {
    const names = () =>
      readHomeSurely(this.#stage.home)
        .apps.map(({ name }) => name)
        .filter((name) => name.startsWith('first-'));
    for (const name of names()) await this.#stage.api(`/apps/${name}`, { method: 'DELETE' });
    await until(
      () => readHomeSurely(this.#stage.home).instances.every(({ appId }) => this.#isThere(appId)),
      20_000,
      () => 'an app that was destroyed runs on',
    );
  }

  /** A page that no release has had. */
  async commitPage(): Promise<string> {
    this.#page += 1;
    const page = this.#page;
    this.#stage.write(this.#work, this.#files.more(page));
    return this.#stage.edit(this.#work, 'index.html', /<h1>.*<\/h1>/, `<h1>Tide Pool ${page}</h1>`);
  }

  /** Pushes what was committed, for a test that does it by itself. */
  push() {
    return this.#stage.push(this.#work);
  }

  /** What main has must be what is served, byte for byte. */
  async servedIsMain(): Promise<void> {
    await this.#git('fetch', '-q', 'lockstep');
    const { stdout } = await this.#stage.git(this.#work, 'show', 'lockstep/main:index.html');
    assert.equal((await this.#stage.get(this.app)).body, stdout);
  }

  #isThere(id: string): boolean {
    return readHomeSurely(this.#stage.home).apps.some((app) => app.id === id);
  }

  /** Of a release with another tree than the live one; null: there is none. */
  #otherVersion(): number | null {
    const { releases = [] } = readHomeSurely(this.#stage.home).apps.find(({ name }) => name === this.app) ?? {};
    const live = releases.find(({ state }) => state === 'live');
    return releases.findLast((one) => one.version !== null && one.tree_id !== live?.tree_id)?.version ?? null;
  }

  /** Asks, and follows it to its end, as far as there is somebody to tell. */
  async #ask(method: string, path: string, body: unknown): Promise<unknown> {
    const asked = await this.#stage.api(`/apps/${this.app}${path}`, { method, body }).catch((error: Error) => error);
    if (asked instanceof Error) return asked;
    const started = asked.body?.progress ?? asked.body?.started?.progress;
    if (!started) return asked.body;
    const { ready, token } = this.#stage;
    return fetch(`${ready.url}${started}`, { headers: { authorization: `Bearer ${token}` } })
      .then((answer) => answer.text())
      .catch((error: Error) => error);
  }

  async #create(name: string, asRemote = true): Promise<string> {
    const made = await this.#stage.api('/apps', { method: 'POST', body: { name } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { port, token } = this.#stage;
    const url = `http://lockstep:${token}@127.0.0.1:${port}/${name}.git`;
    if (asRemote) await this.#git('remote', 'add', 'lockstep', url);
    return url;
  }

  async #git(...words: string[]): Promise<void> {
    const done = await this.#stage.git(this.#work, ...words);
    assert.equal(done.code, 0, `git ${words.join(' ')}: ${done.stderr}\n${this.#stage.logs()}`);
  }
}
