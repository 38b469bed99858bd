// A real Lockstep on a temporary home, as a stranger has it: `bin/lockstep up` as a process, then git, the command line and
// HTTP. Nothing of `src/` is imported. Everything that a stage started ends with it.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { StageAsker } from './stage-asker.ts';
import type { Ended } from './stage-programs.ts';

export type { Json, Page } from './stage-asker.ts';
export { type Ended, gitEnv } from './stage-programs.ts';
export { untilSo as until } from './until.ts';

export const root = dirname(dirname(import.meta.dirname));
const bin = join(root, 'bin', 'lockstep');

export class Stage extends StageAsker {
  /** A stage with an empty home, on which nothing was started. */
  static bare(program = bin): Stage {
    const folder = mkdtempSync(join(tmpdir(), 'stage-'));
    chmodSync(folder, 0o755);
    const stage = new Stage(folder, program);
    mkdirSync(stage.home, { mode: 0o755 });
    return stage;
  }

  /**
   * `program`: another `lockstep` than this checkout's, for example a compiled one. `homeOn`: mounts something at the home's
   * path; what it gives is unmounted when everything has ended.
   */
  static async open(
    env: Record<string, string> = {},
    program = bin,
    homeOn: (home: string) => { unmount(): void } | null = () => null,
  ): Promise<Stage> {
    const stage = Stage.bare(program);
    stage.mounted = homeOn(stage.home);
    try {
      stage.giveTools();
      await stage.up(env);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /** A work tree made from a folder or from files, committed on `main`, with its app created. */
  async makeApp(name: string, from: string | Record<string, string>): Promise<string> {
    const work = join(this.folder, name);
    if (typeof from === 'string') cpSync(from, work, { recursive: true });
    else this.write(work, from);
    await this.git(this.folder, 'init', '-q', '-b', 'main', work);
    await this.commit(work, 'first');
    const made = await this.lockstep(['create', name], { cwd: work });
    assert.equal(made.code, 0, made.stderr + this.logs());
    return work;
  }

  write(work: string, files: Record<string, string>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), content);
    }
  }

  async commit(work: string, message: string): Promise<string> {
    await this.git(work, 'add', '-A');
    const made = await this.git(work, 'commit', '-qm', message);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    return (await this.git(work, 'rev-parse', 'HEAD')).stdout.trim();
  }

  /** Replaces text in a file and commits. */
  async edit(work: string, path: string, from: string | RegExp, to: string): Promise<string> {
    const file = join(work, path);
    const before = readFileSync(file, 'utf8');
    const after = before.replace(from, to);
    assert.notEqual(after, before, `${path} does not hold ${from}`);
    writeFileSync(file, after);
    return this.commit(work, `edit ${path}`);
  }

  push(work: string, ...words: string[]): Promise<Ended> {
    return this.git(work, 'push', 'lockstep', ...(words.length > 0 ? words : ['main']));
  }

  /** Pushes and insists on success. */
  async deploy(work: string): Promise<string> {
    const pushed = await this.push(work);
    assert.equal(pushed.code, 0, pushed.stderr + this.logs());
    return pushed.stderr;
  }
}
