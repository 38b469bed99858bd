// The one place that starts programs. No shell, an environment that the caller spells out, a process group of its own that
// is killed whole, a limit on time and on output. A run that fails is a value; it is thrown only when `okCodes` asks so.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

export type RunOptions = {
  cwd?: string;
  /** The whole environment: nothing is inherited. */
  env: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** The most that each of stdout and stderr may hold before the program is stopped; 16 MiB unless told. */
  maxBytes?: number;
  input?: string | Uint8Array;
  /** When given, any other end throws ExecError. */
  okCodes?: readonly number[];
};

export type RunResult = {
  argv: readonly string[];
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stdoutBytes: Buffer;
  stderr: string;
  timedOut: boolean;
  isCanceled: boolean;
  /** It was stopped because it wrote more than `maxBytes`. */
  isTruncated: boolean;
};

/** A program that could not be started (`result` is null) or ended otherwise than `okCodes` allows. */
export class ExecError extends Error {
  readonly argv: readonly string[];
  readonly result: RunResult | null;

  constructor(argv: readonly string[], result: RunResult | null, cause?: unknown) {
    super(`${argv[0]} ${result ? describeEnd(result) : 'could not be started'}`, { cause });
    this.name = 'ExecError';
    this.argv = argv;
    this.result = result;
  }
}

function describeEnd(result: RunResult): string {
  if (result.timedOut) return 'took longer than its limit';
  if (result.isCanceled) return 'was cancelled';
  if (result.isTruncated) return 'wrote more than its limit';
  return result.code === null ? `was ended by ${result.signal}` : `ended with ${result.code}`;
}

/** Kills the whole process group of a child that this module started; quiet when it is gone. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs a program to its end and collects what it writes.
 * @throws ExecError when it cannot be started, or for an end outside `okCodes`
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  const flags = { timedOut: false, isCanceled: false, isTruncated: false };
  if (options.signal?.aborted) {
    const none = { argv, code: null, signal: null, stdout: '', stdoutBytes: Buffer.alloc(0), stderr: '' };
    return judge({ ...none, ...flags, isCanceled: true }, options);
  }
  const child = spawn(argv[0]!, argv.slice(1), {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) => reject(new ExecError(argv, null, error)));
  });
  failed.catch(() => {});
  if (!hasPipes(child)) return await failed;
  const stop = (flag: keyof typeof flags): void => {
    flags[flag] = true;
    killGroup(child);
  };
  const collect = (stream: Readable): Buffer[] => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      const room = maxBytes - bytes;
      if (room > 0) chunks.push(chunk.subarray(0, room));
      bytes += chunk.length;
      if (bytes > maxBytes && !flags.isTruncated) stop('isTruncated');
    });
    return chunks;
  };
  const cancel = (): void => stop('isCanceled');
  const timer = options.timeoutMs === undefined ? null : setTimeout(() => stop('timedOut'), options.timeoutMs);
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    // A program may end without reading its input: that is its choice, not an error of ours.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input);
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('close', (endCode, endSignal) => resolve([endCode, endSignal]));
    });
    const [code, signal] = await Promise.race([ended, failed]);
    const stdoutBytes = Buffer.concat(stdout);
    const text = { stdout: stdoutBytes.toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
    return judge({ argv, code, signal, stdoutBytes, ...text, ...flags }, options);
  } finally {
    if (timer) clearTimeout(timer);
    options.signal?.removeEventListener('abort', cancel);
  }
}

/** False when there were no descriptors for them: then it never started, and its streams are not there at all. */
function hasPipes(child: ChildProcess): boolean {
  return child.stdin !== undefined;
}

function judge(result: RunResult, options: RunOptions): RunResult {
  const isOk = result.code !== null && (options.okCodes?.includes(result.code) ?? true);
  const isWhole = !result.timedOut && !result.isCanceled && !result.isTruncated;
  if (options.okCodes && !(isOk && isWhole)) throw new ExecError(result.argv, result);
  return result;
}

export type StreamingChild = {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Further descriptors, from 3 on: two-way pipes shared with the program and its children. */
  extra: readonly (Readable & Writable)[];
  /** Resolves once, when the program has ended and its streams are closed; rejects with ExecError if it did not start. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal?: NodeJS.Signals): void;
  /** Ends what the program itself has started, and leaves it to see to that; the whole group where it cannot be found out. */
  killChildren(): void;
};

/**
 * Starts a program whose streams the caller handles, with `extraPipes` descriptors beside the usual three.
 * @throws ExecError when there are no descriptors for them
 */
export function spawnStreaming(
  argv: readonly string[],
  options: { cwd?: string; env: Readonly<Record<string, string>>; extraPipes?: number },
): StreamingChild {
  const child = spawn(argv[0]!, argv.slice(1), {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
    stdio: Array.from({ length: 3 + (options.extraPipes ?? 0) }, () => 'pipe' as const),
    detached: true,
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error) => reject(new ExecError(argv, null, error)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  ended.catch(() => {});
  if (!hasPipes(child)) {
    const cause = Object.assign(new Error('no descriptors are left'), { code: 'EMFILE' });
    throw new ExecError(argv, null, cause);
  }
  const extra = child.stdio.slice(3) as unknown as (Readable & Writable)[];
  for (const stream of [child.stdin, ...extra]) stream?.on('error', () => {});
  return {
    stdin: child.stdin!,
    stdout: child.stdout!,
    stderr: child.stderr!,
    extra,
    ended,
    kill: (signal = 'SIGKILL') => killGroup(child, signal),
    killChildren: () => killChildren(child),
  };
}

function killChildren(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ');
    for (const pid of pids) if (pid !== '') process.kill(Number(pid), 'SIGTERM');
  } catch {
    killGroup(child, 'SIGTERM');
  }
}
