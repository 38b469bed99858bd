// A program of the registry's, run to its end with nothing of our environment: the registry itself, its collector, and what looks at its disk.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Identity } from '../../lib/identity.ts';

export type ProgramOptions = {
  cwd: string;
  identity: Identity | null;
  env: Readonly<Record<string, string>>;
  /** Ends it. */
  signal: AbortSignal;
  /** What it says goes there; of one that is given an input, only its complaints. */
  log: string;
  input?: string;
  mostAnswerBytes?: number;
  begun?(pid: number): void;
};

/** `how`: `exit 0`, or why not. */
export function runToEnd(
  [program, ...words]: readonly [string, ...string[]],
  options: ProgramOptions,
): { ended: Promise<{ how: string; output: string }> } {
  const { cwd, identity, signal, input, mostAnswerBytes = 0 } = options;
  const log = openSync(options.log, 'a', 0o600);
  const isAsked = input !== undefined;
  let child: ChildProcess;
  try {
    child = spawn(program, words, {
      ...{ cwd, env: { PATH: '/usr/bin:/bin', ...options.env } },
      stdio: isAsked ? ['pipe', 'pipe', log] : ['ignore', log, log],
      ...(identity ? { uid: identity.uid, gid: identity.gid } : {}),
    });
  } finally {
    closeSync(log);
  }
  const kill = (): void => void child.kill('SIGTERM');
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= mostAnswerBytes) chunks.push(chunk);
    else kill();
  });
  // One that ends before it has read says why by its exit.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const ended = new Promise<{ how: string; output: string }>((resolve) => {
    const end = (how: string): void => {
      signal.removeEventListener('abort', kill);
      resolve({ how, output: Buffer.concat(chunks).toString('utf8') });
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, name) => end(name ?? `exit ${code}`));
  });
  if (child.pid !== undefined) options.begun?.(child.pid);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  return { ended };
}
