// For tests of branches and their requests: an app that is live, commits beside its main, and pushes as control judges them.
import type { CommitId } from '../../domain/ids.ts';
import type { Push } from '../../receive/proc-receive.ts';
import { listChanges } from '../../store/changes.ts';
import { liveRelease } from '../../store/releases.ts';
import { FakeWorld } from '../fake-world.ts';

const pages = { 'index.html': 'hello\n' };
export const refOf = (branch: string) => `refs/heads/${branch}`;

/** @param first the files of main */
export async function openBranches(first: Record<string, string> = pages) {
  const stage = new FakeWorld();
  await stage.createApp();
  const base = await stage.commit(stage.app(), first, null);
  await stage.land(stage.app(), base, null);
  const commit = (files: Record<string, string>, on: CommitId = base) =>
    stage.commit(stage.app(), { ...first, ...files }, on, `edit ${Object.keys(files)}`);
  const push = async (branch: string, to: CommitId | null, options: string[] = [], more: Partial<Push> = {}) => {
    const ref = branch.startsWith('refs/') ? branch : refOf(branch);
    const { git } = await stage.world.repositoryOf(stage.app());
    const from = await git.resolveRef(ref as never);
    const { said, verdicts } = await stage.push(stage.app(), [{ ref, from, to }], { options, ...more });
    return { said: said.join('\n'), verdict: verdicts.get(ref)! };
  };
  const head = async (branch: string) =>
    (await stage.world.repositoryOf(stage.app())).git.resolveRef(refOf(branch) as never);
  const live = () => liveRelease(stage.database, stage.app().id)?.commit;
  const changes = () => listChanges(stage.database, stage.app().id, null, 20);
  return { stage, changes, base, commit, push, head, live, [Symbol.dispose]: () => stage[Symbol.dispose]() };
}
