// Makes trouble: kills and freezes processes, fills the disk, floods a log. What a victim does at once is in turn; victims suffer
// side by side. Excused are only the requests that nobody could have answered: those to a router that is down, and those to an
// app whose one instance was killed.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SmallDisk } from '../../test/support/small-disk.ts';
import { type Stage, until } from '../../test/support/stage.ts';
import type { Step, Whom } from './schedule.ts';
import type { Site } from './site.ts';

export type Trouble = Exclude<Step, { do: 'deploy' | 'reject' | 'rollback' | 'config' }>;

/** By which everything that was killed must be back. */
const backMs = 90_000;

export class Nemesis {
  readonly #stage: Stage;
  readonly #sites: ReadonlyMap<string, Site>;
  readonly #disk: SmallDisk | null;
  readonly #turns = new Map<string, Promise<void>>();
  /** `kill router` -> how often, and the longest until it was back, in milliseconds. */
  readonly counts = new Map<string, { times: number; longestMs: number }>();
  /** What did not come back. */
  readonly problems: string[] = [];

  constructor(stage: Stage, sites: ReadonlyMap<string, Site>, disk: SmallDisk | null) {
    this.#stage = stage;
    this.#sites = sites;
    this.#disk = disk;
  }

  /** Begins it, behind what the same victim suffers still. */
  cause(step: Trouble): void {
    const victim = 'whom' in step ? (step.whom === 'instance' ? `instance of ${step.app}` : step.whom) : step.do;
    const turn = (this.#turns.get(victim) ?? Promise.resolve()).then(async () => {
      const name = 'whom' in step ? `${step.do} ${step.whom}` : step.do;
      const startedAt = performance.now();
      const isDone = await this.#suffer(step).catch((error: Error) => {
        this.problems.push(`${name}: ${error.message}`);
        return true;
      });
      if (!isDone) return;
      const before = this.counts.get(name) ?? { times: 0, longestMs: 0 };
      const longestMs = Math.max(before.longestMs, Math.round(performance.now() - startedAt));
      this.counts.set(name, { times: before.times + 1, longestMs });
    });
    this.#turns.set(victim, turn);
  }

  /** Resolves when everybody has recovered. */
  async rest(): Promise<void> {
    await Promise.all(this.#turns.values());
  }

  /** False: there was nobody to make it to. */
  async #suffer(step: Trouble): Promise<boolean> {
    if (step.do === 'fill') return this.#fill(step.forMs);
    if (step.do === 'flood') return this.#flood(step.megabytes);
    if (step.whom === 'instance') {
      const site = this.#sites.get(step.app)!;
      const pid = await this.#instanceOf(step.app);
      if (pid === null) return false;
      if (step.do === 'freeze') return this.#freeze(pid, step.forMs);
      await site.watch.excuse(async () => {
        send(pid, 'SIGKILL');
        await this.#servesWithout(step.app, pid);
      });
      return true;
    }
    if (step.do === 'freeze') return this.#freeze(this.#stage.pids()[step.whom], step.forMs);
    return this.#kill(step.whom);
  }

  async #kill(whom: Exclude<Whom, 'instance'>): Promise<boolean> {
    if (whom === 'agent') {
      await this.#stage.killAgent();
      // On a full disk it may not come up at once.
      for (const limit = performance.now() + backMs; ; await sleep(500)) {
        const problem = await this.#stage.up().then(
          () => null,
          (error: Error) => error,
        );
        if (problem === null) return true;
        if (performance.now() > limit) throw problem;
      }
    }
    const pid = this.#stage.pids()[whom];
    const dies = async (): Promise<void> => {
      send(pid, 'SIGKILL');
      await until(
        async () =>
          this.#stage.pids()[whom] !== pid && (await this.#stage.api('/apps').catch(() => null))?.status === 200,
        backMs,
        () => `${whom} did not come back\n${this.#stage.logs()}`,
      );
    };
    if (whom === 'control') await dies();
    else {
      const watches = [...this.#sites.values()].map(({ watch }) => watch);
      await watches.reduce<() => Promise<void>>((inner, watch) => () => watch.excuse(inner, 'refusals'), dies)();
    }
    return true;
  }

  async #freeze(pid: number, forMs: number): Promise<boolean> {
    if (!send(pid, 'SIGSTOP')) return false;
    await sleep(forMs);
    send(pid, 'SIGCONT');
    return true;
  }

  async #fill(forMs: number): Promise<boolean> {
    if (this.#disk === null) return false;
    // Taken at once: writing it all would keep this process, and its visitors, from everything else.
    const filler = join(this.#disk.path, 'filler');
    await this.#stage.run(['fallocate', '-l', String(Math.max(1, this.#disk.freeBytes - 2 ** 20)), filler]);
    this.#disk.fill();
    await sleep(forMs);
    this.#disk.free();
    return true;
  }

  /** Whichever app has a log to flood; its answer comes when all is said. */
  async #flood(megabytes: number): Promise<boolean> {
    const [app] = this.#sites.keys();
    const page = await this.#stage.get(app!, `/flood/${megabytes}`).catch(() => null);
    return page?.status === 200;
  }

  async #instanceOf(app: string): Promise<number | null> {
    const status = await this.#stage.status(app).catch(() => null);
    return (
      status?.instances?.find((one: { state: string; pid: number | null }) => one.state === 'healthy')?.pid ?? null
    );
  }

  /** What was left of the killed one may answer for a moment still: another one must. */
  async #servesWithout(app: string, pid: number): Promise<void> {
    await until(
      async () => {
        const now = await this.#instanceOf(app);
        return now !== null && now !== pid && (await this.#stage.get(app).catch(() => null))?.status === 200;
      },
      backMs,
      () => `${app} does not serve again\n${this.#stage.logs()}`,
    );
  }
}

/** False: there is no such process. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
