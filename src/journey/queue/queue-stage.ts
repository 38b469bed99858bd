// For tests of the queue: an app that is live, branches beside its main, and requests as the doors ask them.
import type { App } from '../../domain/app.ts';
import type { Change } from '../../domain/change.ts';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import type { RefName } from '../../git/argv.ts';
import { keepBranchCheck } from '../../store/branch-checks.ts';
import { findChange } from '../../store/changes.ts';
import { FakeWorld } from '../fake-world.ts';
import { mainlineOf } from '../world.ts';
import { askMerge, type MergeAsked } from './ask.ts';

export const pages = { 'index.html': 'hello\n' };

export class Stage extends FakeWorld {
  app0!: App;
  base!: CommitId;

  static async open(files: Record<string, string> = pages): Promise<Stage> {
    const stage = new Stage();
    await stage.createApp();
    stage.base = await stage.commit(stage.app(), files, null);
    await stage.land(stage.app(), stage.base, null);
    return stage;
  }

  /** A branch with one commit that adds a file. */
  async branch(name: string, files: Record<string, string>, on = this.base): Promise<CommitId> {
    const head = await this.commit(this.app(), files, on, `work of ${name}`);
    await this.setBranch(name, head);
    return head;
  }

  async setBranch(name: string, to: CommitId | null): Promise<void> {
    const { git } = await this.world.repositoryOf(this.app());
    const ref = `refs/heads/${name}` as RefName;
    const now = await git.resolveRef(ref);
    if (to === null) await git.deleteRef(ref, now!);
    else await git.updateRef(ref, to, now, 'push');
  }

  ask(name: string | null, head: CommitId, more: Partial<MergeAsked> = {}) {
    const source = name as BranchName | null;
    const asked = {
      head,
      source,
      priority: 'normal',
      actor: 'ada',
      override: null,
      weaken: 'not',
      tokenId: null,
      requestedAtMs: Date.now(),
    } as const;
    return askMerge(this.world, this.app(), { ...asked, ...more });
  }

  async end(id: ChangeId): Promise<Change> {
    for await (const step of this.world.progress.follow(id, AbortSignal.timeout(20_000))!) if ('end' in step) break;
    return findChange(this.database, this.app().id, id)!;
  }

  async lines(id: ChangeId): Promise<string[]> {
    const lines: string[] = [];
    for await (const step of this.world.progress.follow(id, AbortSignal.timeout(20_000))!)
      if ('line' in step) lines.push(step.line);
    return lines;
  }

  async tip(): Promise<CommitId> {
    return (await mainlineOf(this.app(), await this.world.repositoryOf(this.app())).tip())!;
  }

  async refs(): Promise<string[]> {
    const { git } = await this.world.repositoryOf(this.app());
    return [...(await git.listRefs('refs/lockstep/')).keys()];
  }

  /** As the check of its branch found it. */
  green(name: string, head: CommitId): void {
    const app = this.app();
    keepBranchCheck(
      this.database,
      { teamId: app.teamId, appId: app.id },
      {
        ...{ branch: name as BranchName, head, base: this.base, outcome: 'green', reason: null },
        ...{ conflicts: [], verdict: null, checkedAtMs: Date.now() },
      },
    );
  }
}
