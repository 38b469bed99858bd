// What the three processes hold at rest: the sum of their proportional set sizes, each and together.
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, type Stage } from '../../test/support/stage.ts';
import { round } from './report.ts';

/** Megabytes (10^6 bytes). */
export type Memory = { agent: number; control: number; router: number; sum: number };

export function memoryOf(stage: Stage): Memory {
  const { agent, control, router } = stage.pids();
  const each = { agent: pssOf(agent), control: pssOf(control), router: pssOf(router) };
  return { ...each, sum: round(each.agent + each.control + each.router) };
}

function pssOf(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  return round((Number(kilobytes![1]) * 1024) / 1e6);
}

/** The compiled build, laid out as an installed package has it, without sources; removed in the end. */
export function compiledProgram(): Disposable & { path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-compiled-'));
  // The platform's own identities read the program, too.
  chmodSync(folder, 0o755);
  for (const part of ['bin', 'dist', 'docs', 'package.json'])
    if (existsSync(join(root, part))) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    path: join(folder, 'bin', 'lockstep'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
