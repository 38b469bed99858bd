// A home for tests of backups: a real database, a real repository with a release that is live, a volume and the secrets, as a
// Lockstep leaves them. It starts nothing.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type App, rights } from '../domain/app.ts';
import { type CommitId, type IdPrefix, makeId, type TreeId } from '../domain/ids.ts';
import { type BranchName, parseAppName, parseHostname } from '../domain/names.ts';
import { run } from '../exec/exec.ts';
import { branchRef } from '../git/argv.ts';
import { gitEnvironment } from '../git/environment.ts';
import { openRepository } from '../git/repository.ts';
import { insertApp } from '../store/apps.ts';
import { defaultTeam } from '../store/meta.ts';
import { openDatabase } from '../store/open.ts';
import { insertRelease } from '../store/releases.ts';
import { writeContainer } from './container.ts';
import { type EntryHead, writeEntries } from './entries.ts';
import { repositoryFolder, volumesFolder } from './kept.ts';

export const newId = <P extends IdPrefix>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
const main = 'main' as BranchName;
const who = { name: 'Ada', email: 'ada@example.org', atSeconds: 1_700_000_000 };

export class TestHome implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'lockstep-backup-'));
  readonly home = join(this.folder, 'home');
  readonly file = join(this.folder, 'today.lockstep');
  database!: DatabaseSync;
  app!: App;

  static async make(): Promise<TestHome> {
    const one = new TestHome();
    for (const name of ['control/repos', 'agent', 'apps']) mkdirSync(join(one.home, name), { recursive: true });
    one.database = openDatabase(join(one.home, 'control', 'lockstep.db'));
    const teamId = defaultTeam(one.database, () => newId('tea'), 1);
    const owner = { tokenId: null, name: 'owner', teamId, rights, appIds: null };
    one.app = insertApp(one.database, owner, {
      ...{ id: newId('app'), name: parseAppName('blog'), mainBranch: main, hosts: [parseHostname('blog.localhost')] },
      createdAtMs: 1,
    })!;
    writeFileSync(join(one.home, 'control', 'owner.token'), 'lst_secret\n', { mode: 0o600 });
    const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(one.home, 'control', 'receipt.key'), key, { mode: 0o600 });
    writeFileSync(join(one.home, 'agent', 'node-id'), `${newId('nod')}\n`);
    const commit = await one.commit('first', null);
    await one.moveMain(commit, null);
    await one.goLive(commit, 1);
    return one;
  }

  get repository() {
    return openRepository(repositoryFolder(this.home, this.app.id), { mainBranch: main });
  }

  get volume(): string {
    return join(volumesFolder(this.home, this.app.id), 'data');
  }

  async git(words: string[], input = ''): Promise<string> {
    const path = repositoryFolder(this.home, this.app.id);
    const env = {
      ...gitEnvironment(),
      ...{ GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'a@b' },
    };
    return (await run(['git', `--git-dir=${path}`, ...words], { env, input, okCodes: [0] })).stdout.trim();
  }

  async commit(text: string, parent: CommitId | null): Promise<CommitId> {
    const { git } = await this.repository;
    const blob = await this.git(['hash-object', '-w', '--stdin'], text);
    const tree = (await this.git(['mktree'], `100644 blob ${blob}\tindex.html\n`)) as TreeId;
    return git.commitTree({ ...{ tree, parents: parent ? [parent] : [], message: text }, author: who, committer: who });
  }

  async moveMain(to: CommitId, from: CommitId | null): Promise<void> {
    await (await this.repository).privileged.updateRef(branchRef(main), to, from, 'test');
  }

  async goLive(commit: CommitId, version: number): Promise<void> {
    const { git } = await this.repository;
    const id = newId('rel');
    const { teamId, id: appId } = this.app;
    insertRelease(this.database, {
      ...{ id, teamId, appId, cause: 'deploy', commit, treeId: (await git.treeOf(commit))! },
      ...{ artifactDigest: `sha256:${'a'.repeat(64)}` as never, configVersion: 0, setId: newId('set'), changeId: null },
      ...{ actor: 'owner', description: '', docs: [], createdAtMs: 1 },
    });
    this.database.prepare("UPDATE releases SET state = 'retired' WHERE state = 'live'").run();
    this.database.prepare("UPDATE releases SET state = 'live', version = ? WHERE id = ?").run(version, id);
  }

  /** What a folder of the test's holds, deep. */
  list(name: string): string[] {
    const path = join(this.folder, name);
    return existsSync(path) ? (readdirSync(path, { recursive: true }) as string[]).sort() : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.database.isOpen) this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A backup that says what a test wants it to say. */
export async function forge(
  path: string,
  entries: readonly (readonly [EntryHead, (Uint8Array | string)?])[],
): Promise<void> {
  const { open } = await import('node:fs/promises');
  const handle = await open(path, 'w');
  const writer = writeEntries(await writeContainer(handle, null));
  for (const [head, data] of entries) await writer.entry(head, data === undefined ? [] : [Buffer.from(data as string)]);
  await writer.end();
  await handle.close();
}
