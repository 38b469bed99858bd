// Programs that a test starts in a folder of its own, and what they said.
import { type ChildProcess, spawn } from 'node:child_process';

export type Ended = { code: number | null; stdout: string; stderr: string };

export const gitEnv = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

/** Whoever owns it ends what runs still, by `killPrograms`. */
export class StagePrograms {
  readonly folder: string;
  protected readonly children = new Set<ChildProcess>();

  constructor(folder: string) {
    this.folder = folder;
  }

  git(cwd: string, ...words: string[]): Promise<Ended> {
    return this.run(['git', ...words], { cwd });
  }

  run(argv: string[], options: { cwd?: string; input?: string; env?: Record<string, string> } = {}): Promise<Ended> {
    return this.spawn(argv, options).ended;
  }

  /** A program that the test may end itself. `input` null: the test writes it. */
  spawn(
    argv: string[],
    options: { cwd?: string; input?: string | null; env?: Record<string, string> } = {},
  ): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: options.cwd ?? this.folder,
      env: { ...process.env, ...gitEnv, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.children.add(child);
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    child.stdin.on('error', () => {});
    if (options.input !== null) child.stdin.end(options.input ?? '');
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.children.delete(child);
        resolve({ code, ...text });
      });
    });
    return { child, ended };
  }

  protected killPrograms(): void {
    for (const child of this.children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}
