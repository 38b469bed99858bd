// The upstream, compiled and started.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathOf } from '../support/programs.ts';
import { firstLineOf, pinned, type Running, stop } from './contenders.ts';

/** @returns the program */
export function compileUpstream(folder: string): string {
  const program = join(folder, 'upstream');
  const source = join(import.meta.dirname, 'upstream.c');
  const { status, stderr } = spawnSync(pathOf('cc')!, ['-O2', '-o', program, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the upstream does not compile: ${stderr}`);
  return program;
}

export async function startUpstream(program: string, core: number): Promise<Running> {
  const child = pinned(core, [program]);
  const { port } = await firstLineOf(child);
  return { port, pid: child.pid!, stop: () => stop(child, 'SIGKILL') };
}
