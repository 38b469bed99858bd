// A small world for tests of the journey: the real store, real git repositories and a fake agent, in a folder of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { BlobCache } from '../build/git-tree.ts';
import { type App, type Principal, rights } from '../domain/app.ts';
import { type AppId, type CommitId, isZeroId, type ObjectId, type TokenId } from '../domain/ids.ts';
import { type BranchName, parseAppName } from '../domain/names.ts';
import { run } from '../exec/exec.ts';
import { gitEnvironment } from '../git/environment.ts';
import { unguarded } from '../git/inspect.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { Uses } from '../lib/uses.ts';
import { openShelf, type Shelf } from '../published/shelf.ts';
import type { Push, RefVerdict } from '../receive/proc-receive.ts';
import { Observations } from '../release/observations.ts';
import { findApp } from '../store/apps.ts';
import { defaultTeam } from '../store/meta.ts';
import { openDatabase } from '../store/open.ts';
import { defaultLimits } from '../store/retention.ts';
import { createApp } from './apps.ts';
import { DesiredPublisher } from './desired.ts';
import { FakeAgent } from './fake-agent.ts';
import { JobsAhead } from './jobs-ahead.ts';
import { ProgressBook } from './progress.ts';
import { judgePush } from './push.ts';
import { MergeQueues } from './queue/queue.ts';
import { newId, type World } from './world.ts';

const author = { name: 'Ada', email: 'ada@example.org', atSeconds: 1_700_000_000 };

export class FakeWorld implements Disposable {
  readonly folder: string;
  readonly database: DatabaseSync;
  readonly observations = new Observations();
  readonly agent = new FakeAgent(this.observations);
  readonly logged: Record<string, unknown>[] = [];
  readonly owner: Principal;
  readonly #end = new AbortController();
  readonly #repositories = new Map<AppId, Promise<Repository>>();
  world: World;
  /** Apps whose receipts are due. */
  readonly due = new Set<AppId>();
  #fillers = 0;
  readonly #isKept: boolean;
  queues!: MergeQueues;
  readonly #shelf: Shelf;
  /** What is being written there: what a test does not wait for may end after it. */
  readonly #puts = new Set<Promise<unknown>>();
  /** What the pushers' token is good for. */
  mayPush = true;
  isAdmin = false;
  tokenId: TokenId | null = null;

  /** @param folder of a world that ended before; left out: a new one, which goes with the world */
  constructor(folder: string | null = null) {
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'lockstep-world-'));
    this.#isKept = folder !== null;
    this.database = openDatabase(join(this.folder, 'lockstep.db'));
    this.#shelf = this.#endingShelf(openShelf(join(this.folder, 'published')));
    const teamId = defaultTeam(this.database, () => newId('tea'), Date.now());
    this.owner = { tokenId: null, name: 'owner', teamId, rights, appIds: null };
    this.world = this.#make();
  }

  /** Takes nothing after the world's end: it would make the folder again. */
  #endingShelf(shelf: Shelf): Shelf {
    return {
      ...shelf,
      put: async (...given) => {
        this.#end.signal.throwIfAborted();
        const put = shelf.put(...given);
        this.#puts.add(put);
        return put.finally(() => this.#puts.delete(put));
      },
    };
  }

  /** What the next control would make of the same folder. */
  restart(): World {
    this.world = this.#make();
    return this.world;
  }

  #make(): World {
    const locks = new Map<AppId, Semaphore>();
    const uses = new Map<AppId, Uses>();
    const { database, agent, observations } = this;
    const log = (line: Record<string, unknown>): void => void this.logged.push(line);
    const world: World = {
      ...{ database, agent, observations, log, progress: new ProgressBook(), blobs: new BlobCache() },
      desired: new DesiredPublisher({ database, agent, platformHosts: [], docsHostOf: null, publicPort: null, log }),
      shelf: this.#shelf,
      ahead: new JobsAhead(agent),
      docsUrlOf: (app) => `http://docs--${app.name}.test`,
      gateSlots: new Semaphore(2),
      lockOf(id) {
        const lock = locks.get(id) ?? new Semaphore(1);
        locks.set(id, lock);
        return lock;
      },
      repositoryOf: (app) => {
        const path = join(this.folder, `${app.id}.git`);
        const opened = this.#repositories.get(app.id) ?? openRepository(path, { mainBranch: app.mainBranch });
        this.#repositories.set(app.id, opened);
        return opened;
      },
      reopenRepository: (app) => {
        this.#repositories.delete(app.id);
        return this.world.repositoryOf(app);
      },
      unguardedParts: (app) => unguarded(join(this.folder, `${app.id}.git`), app),
      listRepositories: async () => [...this.#repositories.keys()],
      rowLimits: defaultLimits,
      usesOf(id) {
        const found = uses.get(id) ?? new Uses();
        uses.set(id, found);
        return found;
      },
      forget: async (id) => {
        locks.delete(id);
        this.#repositories.delete(id);
        rmSync(join(this.folder, `${id}.git`), { recursive: true, force: true });
      },
      urlOf: (app) => `http://${app.name}.test`,
      gitUrlOf: (app) => `http://test/${app.name}.git`,
      hello: () => agent.hello(),
      ownRegistry: null,
      imagesGone() {},
      announce: () => {},
      receiptsDue: (app) => void this.due.add(app.id),
      queueGrown: (app) => queues.wake(app.id),
      signal: this.#end.signal,
    };
    const queues = new MergeQueues(world);
    this.queues = queues;
    return world;
  }

  createApp(name = 'blog', mainBranch: BranchName | null = null): Promise<App> {
    return createApp(this.world, this.owner, { name: parseAppName(name), mainBranch }, 'test');
  }

  app(name = 'blog'): App {
    return findApp(this.database, this.owner, parseAppName(name))!;
  }

  /** Writes a commit with these files, as a client's pack would bring it. */
  async commit(app: App, files: Record<string, string>, parent: CommitId | null, message = 'edit'): Promise<CommitId> {
    const { git } = await this.world.repositoryOf(app);
    const entries: string[] = [];
    for (const [path, content] of Object.entries(files)) {
      const id = (await this.git(app, ['hash-object', '-w', '--stdin'], content)).trim();
      entries.push(`100644 blob ${id}\t${path}\n`);
    }
    const tree = (await this.git(app, ['mktree'], entries.join(''))).trim() as ObjectId;
    const parents = parent === null ? [] : [parent];
    return git.commitTree({ tree, parents, message, author, committer: author });
  }

  async git(app: App, words: string[], input = ''): Promise<string> {
    const { path } = await this.world.repositoryOf(app);
    const env = { ...gitEnvironment(), GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' };
    return (await run(['git', `--git-dir=${path}`, ...words], { env, input, okCodes: [0] })).stdout;
  }

  /** Judges a push as control does for git. What was said, and the verdict of each ref. */
  async push(
    app: App,
    commands: { ref: string; from: ObjectId | null; to: ObjectId | null }[],
    more: Partial<Push> = {},
  ): Promise<{ said: string[]; verdicts: ReadonlyMap<string, RefVerdict> }> {
    const said: string[] = [];
    const push: Push = {
      commands: commands.map((one) => ({ ...one, from: one.from && isZeroId(one.from) ? null : one.from })),
      ...{ options: [], isAtomic: false, say: (line: string) => void said.push(line) },
      ...{ signal: new AbortController().signal },
      ...more,
    };
    const verdicts = await judgePush(this.world, await this.world.repositoryOf(app), push, {
      actor: 'owner',
      requestedAtMs: Date.now(),
      findApp: () => findApp(this.database, this.owner, app.name),
      mayPush: () => this.mayPush,
      isAdmin: () => this.isAdmin,
      tokenId: this.tokenId,
    });
    return { said, verdicts };
  }

  /** Pushes main and insists that it lands. */
  async land(app: App, to: CommitId, from: CommitId | null): Promise<void> {
    const { said, verdicts } = await this.push(app, [{ ref: 'refs/heads/main', from, to }]);
    const verdict = verdicts.get('refs/heads/main');
    if (!verdict?.isAccepted) throw new Error(`not landed: ${JSON.stringify(verdict)}\n${said.join('\n')}`);
  }

  /** Lets SQLite have no page more, as on a full disk. */
  fillDisk(): void {
    const { page_count: pages } = this.database.prepare('PRAGMA page_count').get() as { page_count: number };
    this.database.exec(`PRAGMA max_page_count=${pages}`);
    const insert = this.database.prepare("INSERT INTO events VALUES (NULL, ?, '', NULL, NULL, NULL, '', '', 0, '')");
    for (const filler = 'x'.repeat(50); ; ) {
      try {
        insert.run(`${filler}${this.#fillers++}`);
      } catch {
        return;
      }
    }
  }

  freeDisk(): void {
    this.database.exec('PRAGMA max_page_count=1000000');
  }

  [Symbol.dispose](): void {
    this.#end.abort(new Error('the test has ended'));
    this.#shelf.close();
    this.database.close();
    const remove = (): void => {
      if (!this.#isKept) rmSync(this.folder, { recursive: true, force: true });
    };
    if (this.#puts.size === 0) remove();
    else void Promise.allSettled(this.#puts).then(remove);
  }
}

export const page = (text: string): Record<string, string> => ({ 'index.html': `<h1>${text}</h1>\n` });
