// What main would become: the one commit that a gate tests and that lands as it is. The same requests on the same main give the
// same commit, whoever makes it and when: author, dates and words come from the heads and from main alone, so that what is made
// again after a crash, or tried again, is what was there before.
//
// One request is a fast-forward or a merge commit, as `history` says; several are one commit with a parent each, never a chain:
// every value of main was tested. Refuses what conflicts, naming the files; in a batch, who conflicts is left out.
import { isFailure } from '../../domain/errors.ts';
import type { GateSettings } from '../../domain/gate-settings.ts';
import type { ChangeId, CommitId, TreeId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { safe } from '../../gate/messages.ts';
import type { CommitWords, Git } from '../../git/git.ts';

export type History = GateSettings['history'];

export type Member = {
  id: ChangeId;
  number: number;
  branch: BranchName | null;
  head: CommitId;
  /** Who let it past the checks, and why. */
  override: { reason: string; by: string } | null;
};

export type Made<M> =
  | { kind: 'candidate'; commit: CommitId; tree: TreeId; members: M[]; leftOut: M[] }
  | { kind: 'conflict'; files: readonly string[] }
  /** main has all of it. */
  | { kind: 'nothing' }
  /** The commit is not in the repository. */
  | { kind: 'gone' };

const lockstep = { name: 'Lockstep', email: 'lockstep@localhost' };
/** Lines of a squashed commit's list. */
const mostSubjects = 50;

/** @param members one or more, in the order of the queue */
export async function makeCandidate<M extends Member>(
  git: Git,
  base: CommitId,
  members: readonly M[],
  history: History,
): Promise<Made<M>> {
  const first = members[0]!;
  const one = await mergeOne(git, base, first, history);
  if (one.kind !== 'candidate') return one;
  if (members.length === 1 || history === 'squash') return { ...one, members: [first], leftOut: members.slice(1) };
  // Each step has all parents so far, so that the next is merged with all of it.
  const taken = [first];
  const leftOut: M[] = [];
  let made = { commit: one.commit, tree: one.tree };
  for (const member of members.slice(1)) {
    const merged = await tryMerge(git, made.commit, member.head);
    if (!merged?.isClean || merged.tree === made.tree) {
      leftOut.push(member);
      continue;
    }
    taken.push(member);
    made = { tree: merged.tree, commit: await commitOf(git, base, taken, merged.tree) };
  }
  return { kind: 'candidate', ...made, members: taken, leftOut };
}

async function mergeOne<M extends Member>(git: Git, base: CommitId, one: M, history: History): Promise<Made<M>> {
  const { head } = one;
  const commit = await git.commitOf(head);
  if (!commit) return { kind: 'gone' };
  if (head === base || (await git.isAncestor(head, base))) return { kind: 'nothing' };
  const made = (id: CommitId, tree: TreeId): Made<M> => ({
    ...{ kind: 'candidate', commit: id, tree },
    ...{ members: [one], leftOut: [] },
  });
  const isOneAhead = commit.parents.length === 1 && commit.parents[0] === base;
  if (isOneAhead && history === 'auto' && one.override === null) return made(head, commit.tree);
  const merged = await tryMerge(git, base, head);
  if (merged === null) return { kind: 'conflict', files: ['everything (no common history)'] };
  if (!merged.isClean) return { kind: 'conflict', files: merged.conflicts };
  if (merged.tree === (await git.treeOf(base))) return { kind: 'nothing' };
  const id = await (history === 'squash'
    ? squash(git, base, one, merged.tree)
    : commitOf(git, base, [one], merged.tree));
  return made(id, merged.tree);
}

/** null: the two have no common ancestor. */
async function tryMerge(git: Git, base: CommitId, head: CommitId) {
  try {
    return await git.mergeTree(base, head);
  } catch (error) {
    if (isFailure(error, 'conflict')) return null;
    throw error;
  }
}

async function commitOf(git: Git, base: CommitId, members: readonly Member[], tree: TreeId): Promise<CommitId> {
  const [main, ...heads] = await Promise.all([base, ...members.map(({ head }) => head)].map((id) => git.wordsOf(id)));
  const names = members.map(nameOf);
  const title = `Merge ${names.join(', ')}`;
  return git.commitTree({
    tree,
    parents: [base, ...members.map(({ head }) => head)],
    message: `${title.length > 100 ? `Merge ${members.length} changes` : title}\n\n${subjectsOf(heads)}${trailersOf(members)}`,
    ...signatures(main ?? null, heads),
  });
}

async function squash(git: Git, base: CommitId, one: Member, tree: TreeId): Promise<CommitId> {
  const [main, head] = await Promise.all([git.wordsOf(base), git.wordsOf(one.head)]);
  const subjects = await git.subjectsBetween(base, one.head, mostSubjects);
  const list = subjects.map((line) => `* ${safe(line, 200)}\n`).join('');
  const title = subjects.length === 1 || !head ? safe(subjects[0] ?? 'Change', 200) : `Squash ${nameOf(one)}`;
  return git.commitTree({
    tree,
    parents: [base],
    message: `${title}\n\n${subjects.length > 1 ? `${list}\n` : ''}${trailersOf([one])}`,
    ...signatures(main, [head]),
  });
}

const nameOf = ({ branch, head }: Member): string => branch ?? head.slice(0, 7);

function subjectsOf(heads: readonly (CommitWords | null)[]): string {
  const lines = heads.flatMap((head) => (head && head.subject !== '' ? [`* ${safe(head.subject, 200)}\n`] : []));
  return lines.length > 0 ? `${lines.join('')}\n` : '';
}

/** Stable inputs only: what a gate finds out is in the record and in the receipt. */
function trailersOf(members: readonly Member[]): string {
  return members
    .map(({ id, branch, head, override }) =>
      [
        `Lockstep-Change: ${id}\n`,
        ...(branch === null ? [] : [`Lockstep-Branch: ${branch}\n`]),
        `Lockstep-Head: ${head}\n`,
        ...(override === null ? [] : [`Lockstep-Override: ${safe(override.reason)} (${safe(override.by, 100)})\n`]),
      ].join(''),
    )
    .join('');
}

/** The author is the first head's; nothing is dated by the clock. */
function signatures(main: CommitWords | null, heads: readonly (CommitWords | null)[]) {
  const known = heads.filter((head) => head !== null);
  const atSeconds = Math.max(0, ...[main, ...known].map((one) => one?.committedAtSeconds ?? 0));
  const author = known[0]?.author ?? { ...lockstep, atSeconds };
  return {
    author: { ...author, name: author.name.trim() === '' ? 'Unknown' : author.name },
    committer: { ...lockstep, atSeconds },
  };
}
