// Starts a program on our own terminal: same streams, same process group, so that its progress, prompts and Ctrl-C work as if
// the user had typed it. For the command line only; everything else goes through exec.ts.
import { spawn } from 'node:child_process';
import { ExecError } from './exec.ts';

/**
 * Resolves with the exit code, 128 + signal number (as a shell says it) when a signal ended it.
 * @throws ExecError when it cannot be started
 */
export async function runAttached(
  argv: readonly string[],
  options: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<number> {
  // Ctrl-C reaches the program too; it decides how to end, and we wait for it.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(argv[0]!, argv.slice(1), { cwd: options.cwd, env: { ...options.env }, stdio: 'inherit' });
      child.once('error', (error) => reject(new ExecError(argv, null, error)));
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)));
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** Starts a program that outlives us, with no streams; resolves false when it is not there. */
export async function startDetached(
  argv: readonly string[],
  options: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      ...options,
      env: { ...options.env },
      stdio: 'ignore',
      detached: true,
    });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
