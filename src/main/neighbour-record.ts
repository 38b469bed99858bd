// `run/<name>.json`: which process a neighbour is, so that the next agent knows it again. Whole or not at all, and not on the disk
// for good: a record is worth nothing after a reboot.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../agent/process/proc.ts';
import type { Config } from '../config/config.ts';

export type NeighbourName = 'control' | 'router';
/** Enough to know it again. */
export type NeighbourRecord = ProcessIdentity & { program: string; port: number };

/** null: there is none, or it cannot be read. */
export function readRecord(config: Config, name: NeighbourName): NeighbourRecord | null {
  try {
    return JSON.parse(readFileSync(recordFile(config, name), 'utf8')) as NeighbourRecord;
  } catch {
    return null;
  }
}

export function writeRecord(config: Config, name: NeighbourName, record: NeighbourRecord): void {
  const file = recordFile(config, name);
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function removeRecord(config: Config, name: NeighbourName): void {
  rmSync(recordFile(config, name), { force: true });
}

function recordFile(config: Config, name: NeighbourName): string {
  return join(config.home, 'run', `${name}.json`);
}
