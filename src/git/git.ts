// Typed questions to the git program about one repository. The machine's and the user's git configuration are out of the
// picture; the repository's own (which `repository.ts` wrote) counts. A handle with a permit may move main.

import { type CommitId, type ObjectId, parseObjectId, type TreeId } from '../domain/ids.ts';
import { type RunResult, run, spawnStreaming } from '../exec/exec.ts';
import {
  asFailure,
  type ChangedFile,
  parseChangedFiles,
  records,
  type TreeEntry,
  treeEntries,
  wasKilled,
} from './answers.ts';
import { argv, emptyTree, type RefName, zeroId } from './argv.ts';
import { type Blob, blobsOf, defaultMaxBlobBytes, type ObjectIds, type StreamedBlob, streamBlobs } from './cat-file.ts';
import { gitEnvironment, type Signature, signatureEnv } from './environment.ts';
import { removeLeftOvers } from './left-overs.ts';

export type GitOptions = {
  repositoryPath: string;
  /** Lets this handle move the guarded branch; null or left out for everything else. */
  permit?: string | null;
  /** False for a repository that we did not make: its hooks must not run. */
  isOurs?: boolean;
  timeoutMs?: number;
};

export type { ChangedFile, TreeEntry } from './answers.ts';
export type { Blob, StreamedBlob } from './cat-file.ts';
export type MergeResult = { isClean: true; tree: TreeId } | { isClean: false; tree: TreeId; conflicts: string[] };
/** `from` null: it must not be there; `to` null: it goes. */
export type RefMove = { ref: RefName; from: ObjectId | null; to: ObjectId | null };
export type CommitWords = { author: Signature; committedAtSeconds: number; subject: string };

/** A lock that is older is nobody's. */
const heldLockMs = 10_000;

/** Of the list of a tree's files: some 200,000 of them; a server places no more than half of that. */
const listBytes = 24 * 1024 * 1024;

export type Git = ReturnType<typeof openGit>;

/** A handle on one repository. Every method throws `git-failed`, `timed-out`, `cancelled` or `disk-full` when git does not answer. */
export function openGit(options: GitOptions) {
  const env = gitEnvironment(options);
  const program = ['git', `--git-dir=${options.repositoryPath}`];

  async function ask(
    words: readonly string[],
    more: {
      okCodes?: number[];
      input?: string | Uint8Array;
      env?: Record<string, string>;
      signal?: AbortSignal | undefined;
      maxBytes?: number;
    } = {},
  ): Promise<RunResult> {
    const { signal, ...rest } = more;
    try {
      return await run([...program, ...words], {
        cwd: options.repositoryPath,
        timeoutMs: options.timeoutMs ?? 120_000,
        okCodes: [0],
        maxBytes: 256 * 1024 * 1024,
        ...rest,
        ...(signal ? { signal } : {}),
        env: { ...env, ...more.env },
      });
    } catch (error) {
      throw asFailure(words, error);
    }
  }

  async function resolveRef(ref: RefName): Promise<ObjectId | null> {
    const result = await ask(argv.resolveRef(ref), { okCodes: [0, 1] });
    return result.code === 0 ? parseObjectId(result.stdout.trim()) : null;
  }

  /**
   * Runs a ref update; by reading the ref again it tells a lost race (`false`) from a failure, and from a git that was ended
   * after it had moved the ref.
   */
  async function move(
    ref: RefName,
    from: ObjectId | null,
    to: ObjectId | null,
    words: readonly string[],
    isAgain = false,
  ): Promise<boolean> {
    try {
      await ask(words);
      return true;
    } catch (error) {
      // A git that was killed left its lock: nobody holds one for so long, and it would refuse every push from now on.
      if (!isAgain && /\.lock': File exists/.test((error as Error).message)) {
        const removed = await removeLeftOvers(options.repositoryPath, heldLockMs, 'locks');
        if (removed.length > 0) return move(ref, from, to, words, true);
      }
      const now = await resolveRef(ref);
      if (now === to && to !== from && wasKilled(error)) return true;
      if (now !== from) return false;
      throw error;
    }
  }

  const startCatFile = () => spawnStreaming([...program, ...argv.catFileBatch()], { cwd: options.repositoryPath, env });

  return {
    repositoryPath: options.repositoryPath,
    env,
    resolveRef,
    /** The tree of a commit, or null when the commit is not there. */
    async treeOf(commit: CommitId): Promise<TreeId | null> {
      const result = await ask(argv.treeOf(commit), { okCodes: [0, 1, 128] });
      return result.code === 0 ? parseObjectId(result.stdout.trim()) : null;
    },
    async isAncestor(ancestor: CommitId, descendant: CommitId): Promise<boolean> {
      return (await ask(argv.isAncestor(ancestor, descendant), { okCodes: [0, 1] })).code === 0;
    },
    /** Tree and parents; null when the object is not there, or no commit (a tag that names one is none). */
    async commitOf(id: ObjectId): Promise<{ tree: TreeId; parents: CommitId[] } | null> {
      const { stdout } = await ask(argv.commit(id), { okCodes: [0, 128] });
      const [commit, tree, ...parents] = stdout.trim().split(' ');
      return commit === id ? { tree: tree as TreeId, parents: parents as CommitId[] } : null;
    },
    /** Who wrote a commit, when, and its first line; null when it is not there, or no commit. */
    async wordsOf(id: ObjectId): Promise<CommitWords | null> {
      const { stdout } = await ask(argv.commitWords(id), { okCodes: [0, 128] });
      const [commit, name = '', email = '', authoredAt, committedAt, subject = ''] = stdout
        .replace(/\n$/, '')
        .split('\0');
      if (commit !== id) return null;
      const author = { name, email, atSeconds: Number(authoredAt) };
      return { author, committedAtSeconds: Number(committedAt), subject };
    },
    /** First lines of the commits that `to` has and `from` has not, newest first, merges left out. */
    async subjectsBetween(from: CommitId, to: CommitId, most: number): Promise<string[]> {
      const { stdout } = await ask(argv.subjects(from, to, most));
      return stdout.split('\n').filter((line) => line !== '');
    },
    /**
     * Every file of a tree (or a commit's tree), with its size.
     * @throws too-large: a few small trees that hold one another can list files without end
     */
    async lsTree(tree: ObjectId, signal?: AbortSignal): Promise<TreeEntry[]> {
      return treeEntries((await ask(argv.lsTree(tree), { signal, maxBytes: listBytes })).stdoutBytes);
    },
    /**
     * The objects in the order asked for, whole, from one git process, which ends when the loop does.
     * @throws not-found; too-large for one over `maxBytes`
     */
    catFiles(ids: ObjectIds, maxBytes = defaultMaxBlobBytes): AsyncGenerator<Blob> {
      return blobsOf(startCatFile, ids, maxBytes);
    },
    /** The same, with objects over `bufferBytes` (1 MiB unless told) in pieces. */
    streamFiles(
      ids: ObjectIds,
      limits: { maxBytes?: number; bufferBytes?: number } = {},
    ): AsyncGenerator<StreamedBlob> {
      return streamBlobs(startCatFile, ids, { maxBytes: defaultMaxBlobBytes, bufferBytes: 2 ** 20, ...limits });
    },
    /** A unified diff without context, between trees or commits; null stands for the empty tree. */
    async diff(from: ObjectId | null, to: ObjectId, signal?: AbortSignal): Promise<string> {
      return (await ask(argv.diff(from ?? emptyTree, to), { signal })).stdout;
    },
    async changedFiles(from: TreeId | null, to: TreeId): Promise<ChangedFile[]> {
      return parseChangedFiles((await ask(argv.changedFiles(from ?? emptyTree, to))).stdout);
    },
    /** @throws conflict when the two have no common ancestor */
    async mergeTree(base: CommitId, head: CommitId): Promise<MergeResult> {
      const result = await ask(argv.mergeTree(base, head), { okCodes: [0, 1] });
      const [tree, ...conflicts] = records(result.stdout);
      if (result.code === 0) return { isClean: true, tree: tree as TreeId };
      return { isClean: false, tree: tree as TreeId, conflicts: [...new Set(conflicts)] };
    },
    /** The tree (null: the empty one) with this file at its top, in the place of what has its name. */
    async withFile(tree: TreeId | null, name: string, content: string): Promise<TreeId> {
      const blob = (await ask(argv.hashObject(), { input: content })).stdout.trim();
      const listed =
        tree === null ? '' : (await ask(argv.listTop(tree), { maxBytes: listBytes })).stdoutBytes.toString('latin1');
      const others = listed
        .split('\0')
        .filter((entry) => entry !== '' && entry.slice(entry.indexOf('\t') + 1) !== name);
      const entries = [...others, `100644 blob ${blob}\t${name}`].map((entry) => `${entry}\0`).join('');
      return (await ask(argv.makeTree(), { input: Buffer.from(entries, 'latin1') })).stdout.trim() as TreeId;
    },
    /** Writes a commit. Everything that its id depends on is a parameter, so the same inputs give the same id. */
    async commitTree(commit: {
      tree: TreeId;
      parents: readonly CommitId[];
      message: string;
      author: Signature;
      committer: Signature;
    }): Promise<CommitId> {
      const result = await ask(argv.commitTree(commit.tree, commit.parents), {
        input: commit.message,
        env: { ...signatureEnv('AUTHOR', commit.author), ...signatureEnv('COMMITTER', commit.committer) },
      });
      return result.stdout.trim() as CommitId;
    },
    /** Compare-and-swap of a ref (`from` null: it must not exist yet). False when it stands elsewhere. */
    updateRef(ref: RefName, to: ObjectId, from: ObjectId | null, reason: string): Promise<boolean> {
      return move(ref, from, to, argv.updateRef(ref, to, from ?? zeroId, reason));
    },
    /** Compare-and-swap of many refs (null: not there), all or none. False: one stands elsewhere, or cannot be what it is to be. */
    async updateRefs(moves: readonly RefMove[], reason: string): Promise<boolean> {
      const words = moves.flatMap(({ ref, from, to }) => [`update ${ref}`, to ?? zeroId, from ?? zeroId]);
      const input = words.map((word) => `${word}\0`).join('');
      return (await ask(argv.updateRefs(reason), { input, okCodes: [0, 1, 128] })).code === 0;
    },
    deleteRef(ref: RefName, from: ObjectId): Promise<boolean> {
      return move(ref, from, null, argv.deleteRef(ref, from));
    },
    async listRefs(prefix: 'refs/' | 'refs/heads/' | 'refs/tags/' | 'refs/lockstep/'): Promise<Map<RefName, ObjectId>> {
      const lines = (await ask(argv.listRefs(prefix))).stdout.split('\n').filter((line) => line !== '');
      return new Map(
        lines.map((line) => [
          line.slice(line.indexOf(' ') + 1) as RefName,
          line.slice(0, line.indexOf(' ')) as ObjectId,
        ]),
      );
    },
    /** Every value that the ref has held, newest first (from its log). */
    async refHistory(ref: RefName): Promise<CommitId[]> {
      if ((await resolveRef(ref)) === null) return [];
      return (await ask(argv.refHistory(ref))).stdout.split('\n').filter((line) => line !== '') as CommitId[];
    },
    /** The newest line of the ref's log; `to` is not where it stands when it was moved past its log. null: there is none. */
    async lastMove(ref: RefName): Promise<{ to: CommitId; reason: string } | null> {
      const line = (await ask(argv.lastMove(ref))).stdout.split('\n')[0] ?? '';
      return line === ''
        ? null
        : { to: line.slice(0, line.indexOf(' ')) as CommitId, reason: line.slice(line.indexOf(' ') + 1) };
    },
    /**
     * Puts a note on a commit; git keeps the tree of notes in folders when there are many. It is this text as it stands when its
     * lines end without blanks, none is empty, and the last one ends: git tidies up others.
     */
    async setNote(notes: RefName, on: CommitId, text: string, atSeconds: number): Promise<void> {
      const who = { name: 'Lockstep', email: 'lockstep@localhost', atSeconds };
      await ask(argv.setNote(notes, on), {
        input: text,
        env: { ...signatureEnv('AUTHOR', who), ...signatureEnv('COMMITTER', who) },
      });
    },
    /** null: every object that this commit needs is there; else what git says. */
    async whatIsMissing(commit: CommitId): Promise<string | null> {
      const result = await ask(argv.connectivity(commit), { okCodes: [0, 1, 128] });
      return result.code === 0 ? null : (result.stderr.trim().split('\n')[0] ?? 'objects are missing');
    },
    async setHead(ref: RefName): Promise<void> {
      await ask(argv.setHead(ref));
    },
    /**
     * Packs refs and objects, and drops unreachable ones older than `expire` (git's date words, no user input): all of them, or
     * with `isLight` the loose ones only, which costs no more than what came since the last time.
     */
    async maintain(expire = '2.weeks.ago', isLight = false): Promise<void> {
      const repack = isLight ? argv.repackLoose() : argv.repack(expire);
      for (const words of [argv.packRefs(), repack, argv.prune(expire)]) await ask(words);
    },
    /** Drops loose unreachable objects: needs no room. */
    async prune(expire: string): Promise<void> {
      await ask(argv.prune(expire));
    },
  };
}
