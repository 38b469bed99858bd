// A work tree as a candidate: its tree as `git add -A && git commit` would make it, without touching the user's index, refs or
// objects. Git runs with the user's own settings (ignores, filters, line ends); what it writes goes elsewhere.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { type CommitId, parseObjectId, type TreeId } from '../../domain/ids.ts';
import { printable } from '../../domain/names.ts';
import { run } from '../../exec/exec.ts';

export type Checkout = {
  /** The top folder. */
  top: string;
  /** Its folder of objects. */
  objects: string;
  /** null: no commit yet. */
  head: { commit: CommitId; tree: TreeId } | null;
  isDirty: boolean;
  /** What main is taken to be; null: nothing was ever pushed. `why` says where it comes from, for people. */
  base: { commit: CommitId; tree: TreeId; why: string } | null;
};

type Env = Readonly<Record<string, string | undefined>>;
type GitAnswer = { code: number | null; stdout: string; stderr: string };

const limitMs = 120_000;

async function ask(cwd: string, env: Env, words: readonly string[], more: Record<string, string> = {}) {
  const whole = Object.fromEntries(Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined));
  return run(['git', ...words], { cwd, env: { ...whole, GIT_OPTIONAL_LOCKS: '0', ...more }, timeoutMs: limitMs });
}

/** @throws bad-request outside of a work tree, or for a base that is no commit */
export async function openCheckout(cwd: string, env: Env, baseName: string | undefined): Promise<Checkout> {
  const found = await ask(cwd, env, ['rev-parse', '--show-toplevel', '--git-path', 'objects']);
  const [top = '', objects = ''] = found.stdout.split('\n');
  if (found.code !== 0 || top === '')
    throw fail('bad-request', `${printable(cwd)} is not a git work tree`, {
      advice: found.stderr.includes('dubious ownership')
        ? `If you trust it: git config --global --add safe.directory ${cwd}`
        : 'Run lockstep gate in the checkout of your app.',
    });
  const head = await commitOf(top, env, 'HEAD');
  const status = await ask(top, env, ['status', '--porcelain', '--untracked-files=normal']);
  return {
    top,
    objects: isAbsolute(objects) ? objects : resolve(cwd, objects),
    head,
    isDirty: status.stdout !== '',
    base: await baseOf(top, env, head, baseName),
  };
}

async function commitOf(top: string, env: Env, name: string): Promise<Checkout['head']> {
  const spec = ['rev-parse', '--verify', '--quiet', '--end-of-options'];
  const [commit, tree] = await Promise.all([
    ask(top, env, [...spec, `${name}^{commit}`]),
    ask(top, env, [...spec, `${name}^{tree}`]),
  ]);
  const [id, treeId] = [parseObjectId(commit.stdout.trim()), parseObjectId(tree.stdout.trim())];
  return commit.code === 0 && id && treeId ? { commit: id as CommitId, tree: treeId as TreeId } : null;
}

/** Where main may be known from, the nearest first. */
const mains = ['lockstep/main', 'lockstep/master', 'origin/HEAD', 'origin/main', 'origin/master'];

async function baseOf(
  top: string,
  env: Env,
  head: Checkout['head'],
  name: string | undefined,
): Promise<Checkout['base']> {
  if (name !== undefined) {
    const named = name.startsWith('-') ? null : await commitOf(top, env, name);
    if (!named)
      throw fail('bad-request', `--base "${printable(name)}" is no commit of this repository`, {
        advice: 'Name a branch, a tag or a commit, such as --base lockstep/main.',
      });
    return { ...named, why: `--base ${name}` };
  }
  for (const main of mains) {
    const tip = await commitOf(top, env, `refs/remotes/${main}`);
    if (!tip) continue;
    if (!head) return { ...tip, why: main };
    const common = (await ask(top, env, ['merge-base', tip.commit, head.commit])).stdout.trim();
    if (common === tip.commit) return { ...tip, why: main };
    const from = common === '' ? null : await commitOf(top, env, common);
    if (from) return { ...from, why: `where this branch left ${main}, which has moved on: git pull` };
  }
  return null;
}

/**
 * The tree of everything that is in the work tree and not ignored, committed or not.
 * @param into the folder that new objects go to
 */
export async function treeOfWork({ top, objects }: Checkout, env: Env, into: string): Promise<TreeId> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-gate-'));
  try {
    const index = join(folder, 'index');
    const own = (await ask(top, env, ['rev-parse', '--git-path', 'index'])).stdout.trim();
    // With what git knows of the files' times; without it every file is read anew.
    await copyFile(isAbsolute(own) ? own : resolve(top, own), index).catch(() => {});
    const others = [objects, env.GIT_ALTERNATE_OBJECT_DIRECTORIES].filter((one) => one !== undefined).join(':');
    const aside = {
      GIT_INDEX_FILE: index,
      GIT_OBJECT_DIRECTORY: into,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: others,
    };
    const added = await ask(top, env, ['-c', 'core.fsmonitor=false', 'add', '-A', '--', '.'], aside);
    const written = added.code === 0 ? await ask(top, env, ['write-tree'], aside) : null;
    const tree = written?.code === 0 ? parseObjectId(written.stdout.trim()) : null;
    if (!tree) throw unreadable(written ?? added);
    return tree as TreeId;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unreadable({ stderr }: GitAnswer): Error {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  return fail('git-failed', `the work tree could not be read: ${printable(said.replace(/^(?:fatal|error): /, ''))}`, {
    advice: 'See git status.',
  });
}
