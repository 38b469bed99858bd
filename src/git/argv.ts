// git's command lines as data. Objects are named by id only; a ref is a full `refs/…` name, so that neither can be taken
// for an option. What a user typed never comes here without having been parsed.

import type { Brand, CommitId, ObjectId, TreeId } from '../domain/ids.ts';
import type { BranchName } from '../domain/names.ts';

export type RefName = Brand<'ref'>;

/** The tree with nothing in it, which git knows without storing it. */
export const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as TreeId;
export const zeroId = '0000000000000000000000000000000000000000' as ObjectId;

export function branchRef(branch: BranchName): RefName {
  return `refs/heads/${branch}` as RefName;
}

const diffOptions = ['-r', '-M', '--no-color', '--no-ext-diff', '--no-textconv'] as const;

export const argv = {
  resolveRef: (ref: RefName) => ['rev-parse', '--verify', '--quiet', '--end-of-options', ref],
  treeOf: (commit: CommitId) => ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{tree}`],
  isAncestor: (ancestor: CommitId, descendant: CommitId) => ['merge-base', '--is-ancestor', ancestor, descendant],
  commit: (id: ObjectId) => ['log', '--no-walk', '--format=%H %T %P', '--end-of-options', id, '--'],
  /** Of each commit, fields with NUL between: id, author, the author's address and moment, the committer's moment, subject. */
  commitWords: (id: ObjectId) => [
    'log',
    '--no-walk',
    '--format=%H%x00%an%x00%ae%x00%at%x00%ct%x00%s',
    '--end-of-options',
    id,
    '--',
  ],
  subjects: (from: CommitId, to: CommitId, most: number) => [
    'log',
    '--format=%s',
    `--max-count=${most}`,
    '--no-merges',
    '--end-of-options',
    to,
    `^${from}`,
    '--',
  ],
  lsTree: (tree: ObjectId) => ['ls-tree', '-r', '-l', '-z', '--full-tree', tree],
  catFileBatch: () => ['cat-file', '--batch'],
  diff: (from: ObjectId, to: ObjectId) => [
    'diff-tree',
    '-p',
    '-U0',
    '--src-prefix=a/',
    '--dst-prefix=b/',
    ...diffOptions,
    from,
    to,
    '--',
  ],
  changedFiles: (from: TreeId, to: TreeId) => [
    'diff-tree',
    '--raw',
    '-z',
    '--no-abbrev',
    ...diffOptions,
    from,
    to,
    '--',
  ],
  mergeTree: (base: CommitId, head: CommitId) => [
    'merge-tree',
    '--write-tree',
    '-z',
    '--name-only',
    '--no-messages',
    base,
    head,
  ],
  commitTree: (tree: TreeId, parents: readonly CommitId[]) => [
    'commit-tree',
    tree,
    ...parents.flatMap((id) => ['-p', id]),
    '-F',
    '-',
  ],
  updateRef: (ref: RefName, to: ObjectId, from: ObjectId, reason: string) => [
    'update-ref',
    '-m',
    reason,
    '--',
    ref,
    to,
    from,
  ],
  /** Lines `update REF TO FROM` come on standard input, with NUL between the words: all of them or none. */
  updateRefs: (reason: string) => ['update-ref', '-m', reason, '--stdin', '-z'],
  deleteRef: (ref: RefName, from: ObjectId) => ['update-ref', '-d', '--', ref, from],
  listRefs: (prefix: string) => ['for-each-ref', '--format=%(objectname) %(refname)', '--', prefix],
  refHistory: (ref: RefName) => ['log', '--walk-reflogs', '--format=%H', '--end-of-options', ref, '--'],
  /** Newest first: where it was moved to, a space, and what whoever moved it said. */
  lastMove: (ref: RefName) => ['log', '--walk-reflogs', '-1', '--format=%H %gs', '--end-of-options', ref, '--'],
  /** The note comes on standard input; one that is there is replaced. */
  hashObject: () => ['hash-object', '-w', '-t', 'blob', '--stdin'],
  listTop: (tree: ObjectId) => ['ls-tree', '-z', '--full-tree', tree],
  makeTree: () => ['mktree', '-z'],
  setNote: (notes: RefName, on: CommitId) => ['notes', `--ref=${notes}`, 'add', '-f', '-F', '-', on],
  setHead: (ref: RefName) => ['symbolic-ref', 'HEAD', ref],
  packRefs: () => ['pack-refs', '--all', '--prune'],
  connectivity: (commit: CommitId) => ['rev-list', '--objects', '--quiet', '--end-of-options', commit, '--'],
  repack: (expire: string) => ['repack', '-A', '-d', '-l', '-q', `--unpack-unreachable=${expire}`],
  /** Only what is not in a pack yet. */
  repackLoose: () => ['repack', '-d', '-l', '-q'],
  prune: (expire: string) => ['prune', `--expire=${expire}`],
} as const;
