// Starts a process that is not ours: its own session, scrubbed environment, limits, identity, output into a FIFO. The
// argv is data, made by a pure function; nothing is ever pasted into shell text. The launcher's shell may run as root, so
// variables that steer the loader or a shell, or that a shell would change, travel under other names and get their own after the
// privileges are gone (late-env.sh). No value is in an argv that lasts.
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fail } from '../../domain/errors.ts';
import type { Identity } from '../../lib/identity.ts';
import { identify, type ProcessIdentity } from './proc.ts';

const script = fileURLToPath(new URL('./launcher.sh', import.meta.url));
/** As text: the app's identity need not be able to read the folder that we run from. */
const lateScript = readFileSync(new URL('./late-env.sh', import.meta.url), 'utf8');
/** The loader's and the C library's; what dash, bash or busybox give a meaning of their own; and our own names on the way. */
const steering =
  /^(?:(?:LD_|GLIBC_|GCONV_|MALLOC_|BASH|OPT|HIST|MAIL|COMP_|READLINE_|EPOCH|LOCKSTEP_LATE_|lockstep_launch_).*|LOCPATH|NLSPATH|LANGUAGE|ENV|IFS|PS\d|SHELLOPTS|PWD|OLDPWD|SHLVL|_|PPID|UID|EUID|GROUPS|LINENO|FUNCNAME|RANDOM|SRANDOM|SECONDS|TMOUT|CDPATH|GLOBIGNORE|POSIXLY_CORRECT|PROMPT_COMMAND|DIRSTACK|FCEDIT|IGNOREEOF|TERM|LINES|COLUMNS)$/;

export type LaunchSpec = {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** null: output is dropped. */
  fifo: string | null;
  /** null: nobody needs the exit code (instances); else a file that the code is written to, for jobs. */
  exitFile: string | null;
  /** Directories of cgroups to enter. */
  cgroups: readonly string[];
  openFiles: number | null;
  /** No file that it writes grows larger. */
  fileBytes: number | null;
  /** Comes before everything, to hold what no control group does (`limit-means.ts`). */
  limitArgv: readonly string[];
  /** null: run as we are (not root). */
  identity: Identity | null;
};

/** The whole command line and the environment of its first process. */
export function launchCommand(spec: LaunchSpec): { argv: string[]; env: Record<string, string> } {
  const entries = Object.entries(spec.env);
  const late = entries.filter(([name]) => steering.test(name)).map((entry) => entry.join('='));
  const drop =
    spec.identity === null
      ? []
      : [
          '/usr/bin/setpriv',
          `--reuid=${spec.identity.uid}`,
          `--regid=${spec.identity.gid}`,
          '--clear-groups',
          '--no-new-privs',
          '--',
        ];
  const rename = late.length === 0 ? [] : ['/bin/sh', '-c', lateScript, 'late-env.sh', String(late.length)];
  const groups = spec.cgroups.join(':') || '-';
  const blocks = spec.fileBytes === null ? '-' : String(Math.ceil(spec.fileBytes / 512));
  const limits = [String(spec.openFiles ?? '-'), blocks, groups];
  const head = ['/bin/sh', script, spec.fifo ?? '-', spec.exitFile ?? '-', ...limits, '--'];
  return {
    argv: [...head, ...spec.limitArgv, ...drop, ...rename, ...spec.argv],
    env: Object.fromEntries([
      ...entries.filter(([name]) => !steering.test(name)),
      ...late.map((entry, index) => [`LOCKSTEP_LATE_${index + 1}`, entry]),
    ]),
  };
}

/** `exited` settles when the child of this agent ends; an agent that adopted the process watches the identity instead. */
export type Launched = ProcessIdentity & { exited: Promise<{ code: number | null; signal: string | null }> };

/** Throws `internal` when it cannot be started at all. */
export async function launch(spec: LaunchSpec): Promise<Launched> {
  const { argv, env } = launchCommand(spec);
  const child = spawn(argv[0]!, argv.slice(1), { cwd: spec.cwd, env, detached: true, stdio: 'ignore' });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  // Read at once: until the event loop runs again nobody reaps it, so even a zombie's pid is still its own.
  const identity = child.pid === undefined ? null : identify(child.pid);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(fail('internal', 'A process could not be started.', { cause })));
  });
  child.unref();
  return { pid: child.pid!, startTicks: identity?.startTicks ?? 0, exited };
}

/** Starts a program of ours that outlives us, and whose input ends when we do: nobody else holds that pipe. */
export function startBeside(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): {
  /** Ends its input at once. */
  endInput(): void;
} {
  const child = spawn(argv[0]!, argv.slice(1), { cwd: '/', env, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {}); // it is a convenience; without it we go on
  // Without a descriptor for it there is no input, and no program either.
  const input = child.stdin as Socket | undefined;
  input?.on('error', () => {});
  child.unref();
  input?.unref();
  return { endInput: () => void input?.destroy() };
}

/** A FIFO that `uid` may reopen (/dev/stdout does). */
export async function makeFifo(path: string, uid: number | null): Promise<void> {
  await promisify(execFile)('/usr/bin/mkfifo', ['-m', '600', '--', path], { env: {} });
  if (uid !== null) await chown(path, uid, -1);
}
