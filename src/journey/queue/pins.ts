// What holds a merge request's commits in the repository while it is on its way: its head from the asking on (the branch may
// be deleted, or there is none), its candidate while it is tested. Both are hidden from clients, and go with its end.
import type { App } from '../../domain/app.ts';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { RefName } from '../../git/argv.ts';
import type { Git } from '../../git/git.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';
import { runningChanges } from '../../store/changes.ts';
import type { World } from '../world.ts';

type What = 'head' | 'cand';

const refOf = (what: What, id: ChangeId): RefName => `refs/lockstep/${what}/${id}` as RefName;

/** Idempotent: a pin that is there already is moved. */
export async function pin(git: Git, what: What, id: ChangeId, commit: CommitId): Promise<void> {
  const ref = refOf(what, id);
  const at = isArmed ? enter('repository.pin', what) : null;
  const now = await git.resolveRef(ref);
  if (now !== commit) await git.updateRef(ref, commit, now, `lockstep: ${what}`);
  if (isArmed) leave(at);
}

export async function unpin(git: Git, id: ChangeId, among: readonly What[] = ['cand', 'head']): Promise<void> {
  for (const what of among) {
    const at = isArmed ? enter('repository.unpin', what) : null;
    const now = await git.resolveRef(refOf(what, id));
    if (now !== null) await git.deleteRef(refOf(what, id), now);
    if (isArmed) leave(at);
  }
}

/** What a control left that was ended between a pin and its change, or between an end and its unpinning. */
export async function sweepPins(world: World, app: App): Promise<void> {
  const { git } = await world.repositoryOf(app);
  const pins = await git.listRefs('refs/lockstep/');
  // Asked afterwards: who was pinned before has its row by now, or never gets one.
  const running = new Set<string>(runningChanges(world.database).map(({ id }) => id));
  for (const [ref, commit] of pins) {
    const id = /^refs\/lockstep\/(?:head|cand)\/(chg_\w+)$/.exec(ref)?.[1];
    if (id !== undefined && !running.has(id)) await git.deleteRef(ref, commit);
  }
}
