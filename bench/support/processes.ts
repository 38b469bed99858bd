// What processes cost: processor time and memory, read from /proc.
import { readFileSync } from 'node:fs';
import { round } from '../journey/report.ts';

const ticksPerSecond = 100;

/** Seconds of processor time of the process, its children that live, and those that ended. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return own + children.reduce((sum, child) => sum + cpuSecondsOf(Number(child)), 0);
}

/** Megabytes (10^6 bytes): shared pages counted in proportion, and counted whole. */
export function memoryOfProcess(pid: number): { pss: number; rss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const of = (name: string) =>
    round((Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024) / 1e6);
  return { pss: of('Pss'), rss: of('Rss') };
}
