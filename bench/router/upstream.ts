// The upstream and who asks it, compiled; the upstream started.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathOf } from '../support/programs.ts';
import { firstLineOf, pinned, type Running, stop } from './contenders.ts';

/** `upstream` or `asker`. @returns the program */
export function compile(name: 'upstream' | 'asker', folder: string): string {
  const program = join(folder, name);
  const source = join(import.meta.dirname, `${name}.c`);
  const { status, stderr } = spawnSync(pathOf('cc')!, ['-O2', '-o', program, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the ${name} does not compile: ${stderr}`);
  return program;
}

export async function startUpstream(program: string, core: number): Promise<Running> {
  const child = pinned(core, [program]);
  const { port } = await firstLineOf(child);
  return { port, pid: child.pid!, stop: () => stop(child, 'SIGKILL') };
}
