// Measures what each app has written, one app after the other, and acts on it. An ordinary file system has no quota for a
// folder; so from the limit on an app's processes can write no file (RLIMIT_FSIZE 0): it goes on serving, reading and
// deleting. What grows on by other ways is ended. Checks have the same limit for what they write, and are ended at it.
import { setTimeout as pause } from 'node:timers/promises';
import type { AppId } from '../../domain/ids.ts';
import type { Incident } from '../../domain/observed.ts';
import { megabytes } from '../../lib/megabytes.ts';
import { ToldRarely } from '../../lib/told-rarely.ts';
import { type DiskLevel, diskLevel, diskLevels } from './disk-level.ts';
import { diskBytes, type Pace, pace } from './measure.ts';

export type DiskApp = {
  id: AppId;
  limitBytes: number;
  /** Where what is live writes. */
  live: readonly (string | Buffer)[];
  /** Where its checks write. */
  gate: readonly (string | Buffer)[];
  /** How much of their work was begun so far, null while some is under way: with nobody at work nothing grows there. */
  gateWork: number | null;
};

export type DiskParts = {
  /** What there is to measure; it takes the pace of the measuring. */
  apps(step: Pace): readonly DiskApp[] | Promise<readonly DiskApp[]>;
  /** Its level has changed: what runs is to be told. Again and again while it is `full` or `over`: it may have forked. */
  hold(app: AppId, level: DiskLevel): Promise<void>;
  /** Ends the checks that run, and drops what they keep. */
  endChecks(app: AppId): Promise<void>;
  tell(app: AppId, what: Incident, reason: string): void;
  nowMs(): number;
  failed(error: unknown): void;
  /** Between two rounds. */
  restMs?: number;
};

export class DiskWatch implements AsyncDisposable {
  readonly #parts: DiskParts;
  readonly #end = new AbortController();
  readonly #step: Pace;
  readonly #levels = new Map<AppId, DiskLevel>();
  /** What there was once writing was refused. */
  readonly #refused = new Map<AppId, number>();
  /** As of when, and against which limit, its checks' places were found to be within it. */
  readonly #gateFine = new Map<AppId, string>();
  readonly #rarely = new ToldRarely();
  #done: Promise<void> = Promise.resolve();

  constructor(parts: DiskParts) {
    this.#parts = parts;
    this.#step = pace(this.#end.signal);
  }

  /** Begins to measure, until disposed. */
  start(): void {
    this.#done = this.#rounds();
  }

  levelOf(app: AppId): DiskLevel {
    return this.#levels.get(app) ?? 'fine';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  async #rounds(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#round().catch((error: unknown) => {
        if (!signal.aborted) this.#parts.failed(error);
      });
      await pause(this.#parts.restMs ?? 2000, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #round(): Promise<void> {
    const { signal } = this.#end;
    const apps = await this.#parts.apps(this.#step);
    for (const app of apps) {
      if (signal.aborted) return;
      await this.#look(app).catch((error: unknown) => {
        if (!signal.aborted) this.#parts.failed(error);
      });
    }
    for (const map of [this.#levels, this.#refused, this.#gateFine])
      for (const id of map.keys()) if (!apps.some((app) => app.id === id)) map.delete(id);
  }

  async #look(app: DiskApp): Promise<void> {
    const bytes = await diskBytes(app.live, this.#step);
    await this.#judge(app, bytes);
    // A cache of packages has tens of thousands of files: at rest, looking at them again and again would cost a tenth of a core.
    const asOf = `${app.gateWork} ${app.limitBytes}`;
    if (app.gateWork !== null && this.#gateFine.get(app.id) === asOf) return;
    const gateBytes = await diskBytes(app.gate, this.#step);
    if (gateBytes <= app.limitBytes) {
      this.#gateFine.set(app.id, asOf);
      return;
    }
    this.#gateFine.delete(app.id);
    await this.#parts.endChecks(app.id);
    this.#say(app, 'disk-limit', `disk limit reached (${megabytes(app.limitBytes)}) by its checks: they were ended`);
  }

  async #judge(app: DiskApp, bytes: number): Promise<void> {
    const before = this.levelOf(app.id);
    const level = diskLevel(before, bytes, app.limitBytes, this.#refused.get(app.id) ?? null);
    this.#levels.set(app.id, level);
    const limit = megabytes(app.limitBytes);
    if (level !== before || isHeld(level)) await this.#parts.hold(app.id, level);
    if (!isHeld(level)) this.#refused.delete(app.id);
    else if (!this.#refused.has(app.id)) this.#refused.set(app.id, await diskBytes(app.live, this.#step));
    if (level === before) return;
    const has = `its files take ${megabytes(bytes)}`;
    const isUp = diskLevels.indexOf(level) > diskLevels.indexOf(before);
    if (level === 'over')
      this.#say(app, 'disk-limit', `disk limit reached (${limit}): ${has}, its processes were ended`);
    else if (level === 'full' && isUp)
      this.#say(app, 'disk-limit', `disk limit reached (${limit}): ${has}, writing is refused`);
    else if (level === 'near' && isUp) this.#say(app, 'disk-warning', `${has} of ${limit}`);
    else if (isHeld(before) && !isHeld(level)) this.#say(app, 'disk-freed', `${has} of ${limit}: it may write again`);
  }

  #say(app: DiskApp, what: Incident, reason: string): void {
    // Each of them once, however often the app goes to and fro.
    if (this.#rarely.isDue(`${app.id} ${what} ${reason.replace(/\d+/g, '')}`, this.#parts.nowMs()))
      this.#parts.tell(app.id, what, reason);
  }
}

export const isHeld = (level: DiskLevel): boolean => level === 'full' || level === 'over';
