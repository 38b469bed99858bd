// The git work tree that a command stands in: its remote `lockstep`, and what `create` and `destroy` write into its own
// configuration. Everything goes through the git program.
import { fail, isFailure } from '../../domain/errors.ts';
import { type BranchName, printable } from '../../domain/names.ts';
import { ExecError, type RunResult, run } from '../../exec/exec.ts';
import { runAttached } from '../../exec/run-attached.ts';
import { gitOptions, gitSettings } from './credential-helper.ts';

export const remoteName = 'lockstep';

export type WorkTree = ReturnType<typeof openWorkTree>;

/** A handle on whatever `cwd` stands in; nothing is asked before a method is called. */
export function openWorkTree(cwd: string, env: Readonly<Record<string, string | undefined>>) {
  const whole = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

  async function git(words: readonly string[], okCodes: readonly number[]): Promise<RunResult> {
    try {
      return await run(['git', ...words], { cwd, env: whole, timeoutMs: 30_000, okCodes });
    } catch (error) {
      throw gitFailure(error);
    }
  }

  return {
    /** The remote's address as configured; null outside of a work tree and when there is no such remote. */
    async remoteUrl(): Promise<string | null> {
      const result = await git(['config', '--get', `remote.${remoteName}.url`], [0, 1, 128]);
      return result.code === 0 ? result.stdout.trim() : null;
    },
    /** @throws bad-request outside of a work tree */
    async mustBeWorkTree(advice: string): Promise<void> {
      const result = await git(['rev-parse', '--is-inside-work-tree'], [0, 1, 128]);
      if (result.stdout.trim() === 'true') return;
      const isDubious = result.stderr.includes('dubious ownership');
      throw fail(
        'bad-request',
        isDubious ? `git refuses ${cwd}: another user owns it` : `${cwd} is not a git work tree`,
        {
          advice: isDubious ? `If you trust it: git config --global --add safe.directory ${cwd}` : advice,
        },
      );
    },
    /** The branch that HEAD names, also before its first commit; null when HEAD is detached. */
    async branch(): Promise<string | null> {
      const result = await git(['symbolic-ref', '--quiet', '--short', 'HEAD'], [0, 1, 128]);
      return result.code === 0 ? result.stdout.trim() : null;
    },
    /** The commit of a branch of this work tree; null: there is no such branch, or no work tree. */
    async headOf(branch: BranchName): Promise<string | null> {
      const words = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${branch}^{commit}`];
      const result = await git(words, [0, 1, 128]);
      return result.code === 0 ? result.stdout.trim() : null;
    },
    /** Makes the remote (when it is not there) and gives git the token for its server, in this repository only. */
    async connect(gitUrl: string, tokenSource: string): Promise<void> {
      if ((await this.remoteUrl()) === null) await git(['remote', 'add', remoteName, gitUrl], [0]);
      for (const { key, values } of gitSettings(new URL(gitUrl).origin, tokenSource)) {
        await git(['config', '--local', '--unset-all', key], [0, 5]);
        for (const value of values) await git(['config', '--local', '--add', key, value], [0]);
      }
    },
    /** Takes back what `connect` did. */
    async disconnect(gitUrl: string): Promise<void> {
      await git(['remote', 'remove', remoteName], [0, 2]);
      for (const { key } of gitSettings(new URL(gitUrl).origin, '')) {
        await git(['config', '--local', '--unset-all', key], [0, 5]);
      }
    },
    /** Pushes with git's own output on our terminal; resolves with git's exit code. */
    async push(target: string, origin: string, tokenSource: string, refspec: string): Promise<number> {
      const argv = ['git', ...gitOptions(origin, tokenSource), 'push', target, refspec];
      try {
        return await runAttached(argv, { cwd, env: whole });
      } catch (error) {
        throw gitFailure(error);
      }
    },
  };
}

function gitFailure(error: unknown): Error {
  if (!(error instanceof ExecError) || isFailure(error)) return error as Error;
  if (!error.result) {
    return fail('git-failed', 'the git program cannot be started', {
      advice: 'Install git 2.32 or newer.',
      cause: error,
    });
  }
  const said = error.result.stderr.trim().split('\n').at(-1) ?? '';
  return fail('git-failed', `git ${error.argv[1]} failed: ${printable(said.replace(/^(?:fatal|error): /, ''))}`, {
    advice: 'Mend that, then try again.',
    cause: error,
  });
}
