// What a build may use. The engine's builder takes no limits (BuildKit in 20.10 ignores those of the request), so they are held from
// outside: its steps run in control groups below one of the engine's own, `…/buildkit`, which is limited as a whole, from before the first
// step where it is known and within a tenth of a second where it is not; what a step writes is measured where the engine keeps it. A build
// by hand on the same engine is held to them too, for as long as one of ours runs. Agents that share an engine hold it to the smallest of
// their limits together (`build-leases.ts`).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readRoom, reserveBytes } from '../../lib/room.ts';
import { diskBytes, pace } from '../disk/measure.ts';
import type { CgroupSupport, Controller } from '../process/cgroup.ts';
import { rootFolderOfPid } from '../runtimes/docker/container-place.ts';
import type { BuildLeases, BuildLimits } from './build-leases.ts';

const gibibyte = 1024 ** 3;

/** Half of the machine's memory, within bounds; all cores but a quarter of one; and what a large image needs. */
export const buildLimits = (cores: number, memoryBytes = totalmem()): BuildLimits => ({
  memoryBytes: Math.min(4 * gibibyte, Math.max(gibibyte / 2, Math.floor(memoryBytes / 2))),
  cpus: Math.max(0.5, cores - 0.25),
  pids: 1024,
  diskBytes: 8 * gibibyte,
});

export type Exceeded = { what: 'disk' | 'room'; why: string };

const lookMs = 100;
const looksPerMeasure = 5;
/** As a check has against an app. */
const shares = 256;
const weight = 25;

export class BuildCaps {
  readonly #support: CgroupSupport;
  readonly #limits: BuildLimits;
  /** Folders of the controllers, below which they are the same. */
  readonly #roots: readonly string[];
  readonly #leases: BuildLeases | null;
  /** What holds: somebody else's may be smaller. */
  #held: BuildLimits;
  #killsBefore = 0;

  /** @param leases of all agents that share the builder; null: there is none but this */
  constructor(support: CgroupSupport, limits: BuildLimits, leases: BuildLeases | null = null) {
    this.#support = support;
    this.#limits = limits;
    this.#held = limits;
    this.#leases = support.version === null ? null : leases;
    this.#roots = support.version === 1 ? support.enforceable.map((name) => join(support.root, name)) : [support.root];
  }

  /** Limits the groups, and says which: paths below a controller, `docker/buildkit`. */
  hold(): string[] {
    const groups = this.#groups();
    this.#held = this.#leases?.smallest() ?? this.#limits;
    for (const group of groups) this.#limit(group, this.#held);
    return groups;
  }

  release(): void {
    this.#leases?.give();
    for (const group of this.#groups()) this.#limit(group, this.#leases?.smallest() ?? null);
    // Whoever began between the look and the lifting has said so before it set its own.
    const others = this.#leases?.smallest() ?? null;
    if (others !== null) for (const group of this.#groups()) this.#limit(group, others);
  }

  /** A build begins: what was used before is forgotten. */
  begin(): void {
    this.#leases?.take(this.#limits);
    for (const group of this.hold()) write(join(this.#folder('memory', group), 'memory.max_usage_in_bytes'), '0');
    this.#killsBefore = this.#kills();
  }

  /** Since the beginning a group has come to its limit of memory. */
  isMemoryMet(): boolean {
    const isFull = this.#groups().some((group) => {
      const most = Number(readOr(join(this.#folder('memory', group), 'memory.max_usage_in_bytes')));
      return most > this.#held.memoryBytes * 0.98;
    });
    return isFull || this.#kills() > this.#killsBefore;
  }

  /** Version 2 counts what it kills; version 1 does so only within a step's own group, which is gone by then. */
  #kills(): number {
    const counts = this.#groups().map((group) => {
      const text = readOr(join(this.#folder('memory', group), 'memory.events'));
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    });
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** What was exceeded, once it is; null when the signal comes first. @param root where the engine keeps its data */
  async watch(root: string, signal: AbortSignal): Promise<Exceeded | null> {
    let least: number | null = null;
    for (let look = 0; !signal.aborted; look += 1) {
      const groups = this.hold();
      if (look % looksPerMeasure === 0) {
        const room = readRoom(root);
        least ??= room.availableBytes;
        if (room.availableBytes < reserveBytes(room)) return { what: 'room', why: 'the disk has no more room for it' };
        const isSuspect = least - room.availableBytes > this.#limits.diskBytes / 2;
        if (isSuspect && (await this.#written(groups, root, signal)) > this.#limits.diskBytes)
          return { what: 'disk', why: `a step wrote more than ${said(this.#limits.diskBytes)}` };
      }
      await pause(lookMs, undefined, { signal }).catch(() => {});
    }
    return null;
  }

  get memorySaid(): string {
    return said(this.#held.memoryBytes);
  }

  async #written(groups: readonly string[], root: string, signal: AbortSignal): Promise<number> {
    const controller = this.#support.enforceable[0];
    if (controller === undefined) return 0;
    const layers = groups.flatMap((group) =>
      stepsIn(this.#folder(controller, group)).flatMap((pids) =>
        pids.flatMap((pid) => rootFolderOfPid(pid) ?? []).slice(0, 1),
      ),
    );
    const ours = [...new Set(layers)].filter((layer) => layer.startsWith(`${root}/`));
    return diskBytes(ours, pace(signal, 1000, 0.5)).catch(() => 0);
  }

  #groups(): string[] {
    const root = this.#roots[0];
    if (root === undefined) return [];
    const found = foldersIn(root).flatMap((one) => [one, ...foldersIn(join(root, one)).map((two) => `${one}/${two}`)]);
    return found.filter((group) => group.endsWith('/buildkit'));
  }

  #folder(controller: Controller, group: string): string {
    const { version, root } = this.#support;
    return version === 1 ? join(root, controller, group) : join(root, group);
  }

  /** @param limits null: none */
  #limit(group: string, limits: BuildLimits | null): void {
    const { version, enforceable } = this.#support;
    // Only what is another: to set a quota is to give what there is of it anew, whatever was used.
    const set = (controller: Controller, file: string, value: number | string): void => {
      const path = join(this.#folder(controller, group), file);
      if (enforceable.includes(controller) && readOr(path).trim() !== String(value)) write(path, String(value));
    };
    const quota = limits && Math.round(limits.cpus * 100_000);
    if (version === 2) {
      set('memory', 'memory.max', limits?.memoryBytes ?? 'max');
      set('cpu', 'cpu.max', `${quota ?? 'max'} 100000`);
      set('cpu', 'cpu.weight', limits ? weight : 100);
    } else {
      // First when it grows, again below when it shrinks; swap accounting may be off.
      set('memory', 'memory.memsw.limit_in_bytes', limits?.memoryBytes ?? -1);
      set('memory', 'memory.limit_in_bytes', limits?.memoryBytes ?? -1);
      set('memory', 'memory.memsw.limit_in_bytes', limits?.memoryBytes ?? -1);
      set('cpu', 'cpu.cfs_quota_us', quota ?? -1);
      set('cpu', 'cpu.shares', limits ? shares : 1024);
    }
    set('pids', 'pids.max', limits?.pids ?? 'max');
  }
}

const said = (bytes: number): string =>
  bytes >= gibibyte ? `${Math.round((bytes / gibibyte) * 10) / 10} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;

/** Processes of each step that runs. */
const stepsIn = (folder: string): number[][] =>
  foldersIn(folder).map((name) =>
    readOr(join(folder, name, 'cgroup.procs'))
      .split('\n')
      .filter(Boolean)
      .map(Number),
  );

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? one.name : []));
  } catch {
    return []; // it went away, or never was
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function write(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // The group has gone, or the machine has no such limit.
  }
}
