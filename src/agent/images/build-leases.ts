// Which agents of this machine build at the moment, and how far each holds the builder: it has one set of control groups for all that use the
// engine. The smallest of their limits holds, and goes only with the last of them. An agent that died has no say. Known by files in a folder that
// only root can write; where there can be none, an agent is alone.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from '../process/proc.ts';

export type BuildLimits = { memoryBytes: number; cpus: number; pids: number; diskBytes: number };

export const usualLeases = '/run/lockstep/builds';
const names = ['memoryBytes', 'cpus', 'pids', 'diskBytes'] as const;
const mostLeases = 100;

export class BuildLeases {
  readonly #folder: string;
  readonly #file: string;

  /** @param name of the agent, among all of the machine */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#file = join(folder, `${name}.json`);
  }

  take(limits: BuildLimits): void {
    const self = identify(process.pid);
    if (self === null) return;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      // Whoever reads half of it looks again within a tenth of a second.
      writeFileSync(this.#file, JSON.stringify({ ...self, limits }), { mode: 0o600 });
    } catch {
      // Nowhere to say so: alone.
    }
  }

  give(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch {
      // It never was.
    }
  }

  /** The smallest limits of those that build now; null: nobody does. */
  smallest(): BuildLimits | null {
    const held = this.#leases();
    if (held.length === 0) return null;
    const least = names.map((name) => [name, Math.min(...held.map((one) => one[name]))] as const);
    return Object.fromEntries(least) as BuildLimits;
  }

  #leases(): BuildLimits[] {
    try {
      const files = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
      return files.slice(0, mostLeases).flatMap((name) => readLease(join(this.#folder, name)) ?? []);
    } catch {
      return [];
    }
  }
}

/** null: it is none, or its agent is gone. */
function readLease(file: string): BuildLimits | null {
  try {
    const said = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity & { limits: BuildLimits };
    if (names.every((name) => said.limits[name] > 0) && isAlive(said)) return said.limits;
    rmSync(file, { force: true });
  } catch {
    // It went away meanwhile.
  }
  return null;
}
