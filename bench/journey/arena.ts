// The platform, the app and the visitor of one measurement: what is asked of Lockstep in each run, and when the page came.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, now } from '../../scripts/demo/ask.ts';
import { watchFor } from '../../scripts/demo/poller.ts';
import type { Page } from '../../scripts/demo/timeline.ts';
import { type Ended, root, type Stage, until } from '../../test/support/stage.ts';
import type { Change } from './stages.ts';
import { filesOf, findingIn } from './subject.ts';

export const app = 'guestbook';
export const example = join(root, 'examples', 'flask-guestbook');

/** Times in milliseconds since the epoch. */
export type Lived = { startedAt: number; firstByteAt: number; returnedAt: number; change: Change };

export class Arena {
  readonly stage: Stage;
  readonly work: string;
  readonly #everyMs: number;
  #page: Page | null = null;

  private constructor(stage: Stage, work: string, everyMs: number) {
    this.stage = stage;
    this.work = work;
    this.#everyMs = everyMs;
  }

  /**
   * Makes the app and has its packages fetched by a first push that cannot boot, with requirements of another layer: then
   * nothing is live, nothing is built, and the packages lie in uv's cache. `more`: files of the app besides the example's.
   * `everyMs`: so often a page is asked for until it is there.
   */
  static async open(stage: Stage, more: Readonly<Record<string, string>> = {}, everyMs = 5): Promise<Arena> {
    const work = await stage.makeApp(app, example);
    if (Object.keys(more).length > 0) {
      stage.write(work, more);
      await stage.commit(work, 'as it is measured');
    }
    const arena = new Arena(stage, work, everyMs);
    const requirements = readFileSync(join(work, 'requirements.txt'), 'utf8');
    stage.write(work, {
      'guestbook/pages.py': 'raise RuntimeError("not yet")\n',
      'requirements.txt': `# another layer\n${requirements}`,
    });
    await stage.commit(work, 'it cannot boot');
    const refused = await stage.push(work);
    if (refused.code === 0 || !/boot FAILED/.test(refused.stderr))
      throw new Error(`an app that cannot boot was not refused for it:\n${refused.stderr}`);
    await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
    return arena;
  }

  /** What is live. */
  get page(): Page {
    if (!this.#page) throw new Error('nothing is live yet');
    return this.#page;
  }

  /** Commits the page. */
  async write(page: Page): Promise<void> {
    this.stage.write(this.work, filesOf(this.work, page));
    await this.stage.commit(this.work, page.headline);
  }

  async push(page: Page): Promise<Lived> {
    return this.#lives(page, () => insist(this.stage.push(this.work)));
  }

  /** By HTTP, as any program may; the answer comes before the work is done. */
  async rollBack(page: Page, version: number): Promise<Lived> {
    return this.#lives(page, () =>
      this.stage.api(`/apps/${app}/rollbacks`, { method: 'POST', body: { version } }).then(({ status, body }) => {
        if (status !== 202) throw new Error(`the rollback was answered with ${status}: ${JSON.stringify(body)}`);
      }),
    );
  }

  /** With the command line; its own start counts. */
  async rollBackByCommand(page: Page, version: number): Promise<Lived> {
    return this.#lives(page, () => insist(this.stage.lockstep(['rollback', `v${version}`, '-a', app])));
  }

  /** Pushes a tree with one style finding; milliseconds until git says no. */
  async reject(): Promise<{ ms: number; change: Change }> {
    this.stage.write(this.work, findingIn(this.work));
    await this.stage.commit(this.work, 'a finding');
    const startedAt = now();
    const pushed = await this.stage.push(this.work);
    const ms = now() - startedAt;
    if (pushed.code === 0 || !/style FAILED/.test(pushed.stderr))
      throw new Error(`a style finding was not refused:\n${pushed.stderr}`);
    await this.stage.git(this.work, 'reset', '-q', '--hard', 'HEAD~1');
    return { ms, change: await this.newestChange() };
  }

  /** The work tree goes on from what is main now. */
  async follow(): Promise<void> {
    await this.stage.git(this.work, 'fetch', '-q', 'lockstep');
    await this.stage.git(this.work, 'reset', '-q', '--hard', 'lockstep/main');
  }

  /** Waits until one instance serves and what was before has stopped; the live release's number. */
  async atRest(): Promise<number> {
    let version = 0;
    await until(
      async () => {
        const status = await this.stage.status(app);
        version = status.release?.version ?? 0;
        return status.state === 'IN SYNC' && status.instances.length === 1;
      },
      60_000,
      () => 'the app did not come to rest',
    );
    return version;
  }

  async newestChange(): Promise<Change> {
    const { id } = await this.stage.lastChange(app);
    return (await this.stage.api(`/apps/${app}/changes/${id}`)).body;
  }

  async #lives(page: Page, work: () => Promise<unknown>): Promise<Lived> {
    const { port } = this.stage;
    const address = { port, host: `${app}.localhost:${port}`, path: '/' };
    const limit = new AbortController();
    const startedAt = now();
    const over = AbortSignal.any([limit.signal, AbortSignal.timeout(120_000)]);
    const seen = watchFor(page, address, over, () => {}, this.#everyMs);
    seen.catch(() => {});
    try {
      await work();
    } catch (error) {
      limit.abort(error);
      throw error;
    }
    const returnedAt = now();
    const firstByteAt = await seen;
    const { body } = await ask(address);
    if (!body.includes(page.headline)) throw new Error(`an older page came after ${page.headline}`);
    await this.atRest();
    this.#page = page;
    return { startedAt, firstByteAt, returnedAt, change: await this.newestChange() };
  }
}

async function insist(ended: Promise<Ended>): Promise<void> {
  const { code, stderr } = await ended;
  if (code !== 0) throw new Error(stderr);
}
