// Where and on what a figure was measured, and whether anybody else was at work on the machine meanwhile.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { round } from '../journey/report.ts';

export type Machine = {
  date: string;
  commit: string;
  cores: number;
  processor: string;
  memoryGB: number;
  system: string;
  node: string;
  /** The load of the last minute when the bench began. */
  loadBefore: number;
};

const root = import.meta.dirname;

/** Asked before the bench does anything. */
export function machineNow(): Machine {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: commitNow(),
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGB: Math.round(totalmem() / 1e9),
    system: `${systemName()}, Linux ${release().split('-')[0]}`,
    node: process.version,
    loadBefore: round(loadavg()[0]!),
  };
}

function commitNow(): string {
  const git = (...words: string[]) => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const isDirty = git('status', '--porcelain', '--untracked-files=no', '--', ':/src', ':/bin') !== '';
    return git('rev-parse', '--short=10', 'HEAD') + (isDirty ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

/** Clock ticks since the start, of one core or of all: how long it worked, stood still, and was taken away by the host. */
export type Ticks = { busy: number; idle: number; stolen: number };

/** Reads `/proc/stat`; `core` null for all together. */
export function ticksOf(core: number | null, text = readFileSync('/proc/stat', 'latin1')): Ticks {
  const name = core === null ? 'cpu' : `cpu${core}`;
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/proc/stat has no ${name}`);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softIrq = 0, stolen = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busy: user + nice + system + irq + softIrq, idle: idle + wait, stolen };
}

/** From 0 to 1, of the time between the two. */
export function sharesOf(before: Ticks, after: Ticks): { busy: number; stolen: number } {
  const [busy, idle, stolen] = [after.busy - before.busy, after.idle - before.idle, after.stolen - before.stolen];
  const all = Math.max(1, busy + idle + stolen);
  return { busy: busy / all, stolen: stolen / all };
}

/** Above this share of the machine somebody else is at work. */
export const noiseLimit = 0.08;

const mostLooks = 5;

/**
 * Does nothing for a while; how busy the machine was all the same, from 0 to 1. What the last run left to do ends soon, what
 * others do goes on: so it looks a few times, until it is quiet, and tells the quietest.
 */
export async function noiseNow(forMs = 300): Promise<number> {
  let least = 1;
  for (let look = 0; look < mostLooks && least > noiseLimit; look += 1) {
    const before = ticksOf(null);
    await sleep(forMs);
    const { busy, stolen } = sharesOf(before, ticksOf(null));
    least = Math.min(least, busy + stolen);
  }
  return least;
}

/** Why what was measured around these moments of rest does not count; empty when it does. */
export function noiseOf(samples: readonly number[]): string[] {
  const loud = samples.filter((share) => share > noiseLimit);
  if (loud.length * 4 <= samples.length) return [];
  const worst = Math.round(Math.max(...samples) * 100);
  return [
    `the machine was not quiet: at ${loud.length} of ${samples.length} moments of rest others used up to ${worst} % of it (limit ${noiseLimit * 100} %)`,
  ];
}
