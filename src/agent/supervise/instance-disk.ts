// An instance at its app's disk limit: what its processes may write, whether it may start, and why it was ended.
import { fail } from '../../domain/errors.ts';
import { megabytes } from '../../lib/megabytes.ts';
import type { DiskLevel } from '../disk/disk-level.ts';
import { isHeld } from '../disk/disk-watch.ts';
import { limitFileSize } from '../process/refuse-writes.ts';

export type InstanceDiskParts = {
  diskBytes: number;
  level(): DiskLevel;
  pids(): number[];
  /** Ends its run; nothing happens when there is none. */
  kill(): void;
};

export class InstanceDisk {
  readonly #parts: InstanceDiskParts;
  #isEnded = false;

  constructor(parts: InstanceDiskParts) {
    this.#parts = parts;
  }

  /** @throws disk-full when nothing of the app may run */
  assertMayStart(): void {
    if (this.#parts.level() !== 'over') return;
    throw fail('disk-full', this.#reason(), {
      advice: 'Remove files of the app (lockstep run -- rm …), or raise limits.disk in lockstep.yml.',
    });
  }

  /** After a start: its processes are held as those before it were. What cannot be done now the next look at the disk does. */
  async started(): Promise<void> {
    const level = this.#parts.level();
    if (isHeld(level)) await this.hold(level).catch(() => {});
  }

  /** What its processes may write from now on. */
  async hold(level: DiskLevel): Promise<void> {
    if (level === 'over') {
      this.#isEnded = true;
      this.#parts.kill();
    }
    await limitFileSize(this.#parts.pids, isHeld(level) ? 0 : this.#parts.diskBytes);
  }

  /** Why the run was ended, told once; null: not for its disk. */
  endReason(): string | null {
    const reason = this.#isEnded ? this.#reason() : null;
    this.#isEnded = false;
    return reason;
  }

  #reason(): string {
    return `disk limit reached (${megabytes(this.#parts.diskBytes)})`;
  }
}
