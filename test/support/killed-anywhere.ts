// One kind of process, killed at every place that it was seen to pass, in every kind of deploy, and again in the recovery that
// follows: what is recorded decides what is done, so a new call of a seam is killed at without anybody writing it down.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeployKind, Deploys, deployKinds } from './deploys.ts';
import { doctorSays } from './doctor-says.ts';
import { Failpoints, type Kind, type Step } from './failpoints.ts';
import { leftOver } from './left-over.ts';
import { problemsAtRest } from './oracles.ts';
import { PageWatch, releaseNumber } from './page-watch.ts';
import { Stage, until } from './stage.ts';

/** A place in the course of a deploy: the count-th passing of a name. */
export type Place = { deploy: DeployKind; name: string; count: number };
export type Part = { at: number; of: number };
export type KillOptions = { more?: (page: number) => Record<string, string>; part?: Part };
/** Passings of one name in one deploy that count as places of their own. */
const mostCounts = 2;
/** `LOCKSTEP_KILLS=all`: every place in every deploy that passes it; else in one of them. */
const isEvery = process.env.LOCKSTEP_KILLS === 'all';
/** `LOCKSTEP_KILLS_TOLD=1`: each as it is done. */
const isTold = process.env.LOCKSTEP_KILLS_TOLD === '1';

export class KilledAnywhere {
  readonly kind: Kind;
  readonly stage: Stage;
  readonly #part: Part;
  readonly #points: Failpoints;
  readonly #deploys: Deploys;
  readonly #watch: PageWatch;
  /** Recorded names, each with a place in whose course or recovery it was passed. */
  readonly #recorded = new Map<string, Place>();
  readonly #killed = new Map<string, number>();
  /** Names that another part's places have. */
  readonly #ofOthers = new Set<string>();
  /** How many places the last recovery passed. */
  #recoveryLength = 1;
  #seconds = 0;
  #cases = 0;
  #deaths = 0;

  private constructor(kind: Kind, part: Part, stage: Stage, points: Failpoints, deploys: Deploys) {
    this.kind = kind;
    this.#part = part;
    this.stage = stage;
    this.#points = points;
    this.#deploys = deploys;
    this.#watch = new PageWatch(
      stage,
      deploys.app,
      releaseNumber(/^<!doctype html>.*<h1>Tide Pool \d+<\/h1>.*<\/html>\n$/s),
      10,
    );
  }

  /** `part`: the places are shared out among so many test files, and this is which of them. */
  static async open(kind: Kind, { more, part = { at: 0, of: 1 } }: KillOptions = {}): Promise<KilledAnywhere> {
    const stage = await Stage.open();
    try {
      await stage.down();
      const points = new Failpoints(join(stage.folder, 'points'));
      await stage.up(points.env);
      return new KilledAnywhere(kind, part, stage, points, await Deploys.open(stage, 'pool', more));
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Each kind of deploy once, unharmed: the places that it passes. */
  async record(): Promise<Place[]> {
    const places: Place[] = [];
    for (const deploy of deployKinds) {
      await this.#deploys.prepare(deploy);
      this.#points.forget();
      await this.#deploys.go(deploy);
      assert.deepEqual(await this.#atRest(), [], deploy);
      for (const place of placesIn(this.#points.passed(this.kind), deploy)) places.push(place);
      await this.#deploys.clear();
    }
    const { at: mine, of: parts } = this.#part;
    const names = [...new Set(places.map(({ name }) => name))];
    const ours = new Set(names.filter((_, at) => at % parts === mine));
    for (const place of places)
      if (ours.has(place.name)) this.#recorded.set(place.name, place);
      else this.#ofOthers.add(place.name);
    return (isEvery ? places : onceEach(places)).filter(({ name }) => ours.has(name));
  }

  /** Kills at the place, then at some place of the recovery, and holds what is left to the oracles. */
  async kill(place: Place, second: Step | null = null): Promise<string[]> {
    this.#cases += 1;
    this.#seconds = (this.#seconds % this.#recoveryLength) + 1;
    const again: Step = second ?? { effect: 'kill', count: this.#seconds, name: '*' };
    if (this.#cases % 3 === 0 && this.kind !== 'agent') await this.#newUp();
    await this.#deploys.prepare(place.deploy);
    this.#points.forget();
    this.#points.plan(this.kind, [{ effect: 'kill', count: place.count, name: place.name }, again]);
    const victim = this.stage.pids()[this.kind];
    const die = async (): Promise<string[]> => {
      const asked = this.#deploys.go(place.deploy);
      // Some work waits for its moment: this time it may not come.
      const isReached = await Promise.race([
        this.#points.reached(this.kind).then(() => true),
        asked.then(() => sleep(1000)).then(() => this.#points.done(this.kind).length > 0),
      ]);
      if (!isReached) this.#points.plan(this.kind, []);
      // It says so just before it dies.
      if (isReached)
        await until(
          () => !isAlive(victim),
          5000,
          () => 'it lives',
        );
      const broken = await this.#settle();
      await Promise.race([asked, sleep(30_000, undefined, { ref: false }).then(() => assert.fail('nobody answers'))]);
      return broken;
    };
    const startedAt = performance.now();
    const broken = await (this.kind === 'router' ? this.#watch.excuse(die, 'refusals') : die());
    this.#note(place);
    if (isTold)
      process.stderr.write(
        `${Math.round(performance.now() - startedAt)} ms, ${place.deploy}: ${this.#points.done(this.kind).join(', then ')} ${broken.join('; ')}\n`,
      );
    this.#points.forget();
    await this.#deploys.servedIsMain();
    await this.#deploys.clear();
    return broken;
  }

  /** Recorded, and nobody was killed there yet; each with a place after which it is passed. */
  left(): { name: string; after: Place }[] {
    return [...this.#recorded].flatMap(([name, after]) => (this.#killed.has(name) ? [] : [{ name, after }]));
  }

  names(): string[] {
    return [...this.#killed.keys()];
  }

  /** For people. */
  get count(): string {
    return `${this.kind}: killed ${this.#deaths} times, at ${this.#recorded.size - this.left().length} of ${this.#recorded.size} recorded places, in ${this.#cases} deploys, ${this.#watch.requests} requests watched`;
  }

  problems(): string[] {
    return this.#watch.problems();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    await this.stage[Symbol.asyncDispose]();
  }

  #atRest(): Promise<string[]> {
    return problemsAtRest(this.stage, { watches: [this.#watch] });
  }

  /** Its keeper starts control and router again; `up` is started by us, as often as it dies in the start. */
  async #comeBack(): Promise<void> {
    const { kind, stage } = this;
    let starts = 0;
    await until(
      async () => {
        if (kind === 'agent' && (await isOver(stage.agentEnded()))) {
          starts += 1;
          assert.ok(starts < 5, `up does not come up\n${stage.upStderr}`);
          await stage.up(this.#points.env).catch(() => {});
          return false;
        }
        return isAlive(stage.pids()[kind]) && (await stage.api('/apps').catch(() => null))?.status === 200;
      },
      30_000,
      () => `${kind} did not come back\n${stage.logs()}`,
    );
  }

  /** The recovery may go on for a while, and die in it. */
  async #settle(): Promise<string[]> {
    await this.#comeBack();
    await this.#atRest();
    this.#points.plan(this.kind, [], 'keep');
    await this.#comeBack();
    return this.#atRest();
  }

  /** A keeper that has started one often waits longer each time; a new one does not. */
  async #newUp(): Promise<void> {
    await this.stage.killAgent();
    await this.stage.up(this.#points.env);
  }

  #note(place: Place): void {
    const done = this.#points.done(this.kind);
    for (const name of done) this.#killed.set(name, (this.#killed.get(name) ?? 0) + 1);
    this.#deaths += done.length;
    const passed = this.#points.passed(this.kind);
    for (const name of passed)
      if (!this.#recorded.has(name) && !this.#ofOthers.has(name)) this.#recorded.set(name, place);
    const first = passed.indexOf(place.name);
    this.#recoveryLength = Math.max(1, Math.min(12, passed.length - first - 1));
  }
}

function placesIn(passed: readonly string[], deploy: DeployKind): Place[] {
  const counts = new Map<string, number>();
  return passed.flatMap((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count <= mostCounts ? [{ deploy, name, count }] : [];
  });
}

/** Each place in the deploy that has the fewest so far. */
function onceEach(places: readonly Place[]): Place[] {
  const load = new Map<DeployKind, number>();
  const wanted = Map.groupBy(places, ({ name, count }) => `${count} ${name}`);
  return [...wanted.values()].map((same) => {
    const least = same.reduce((one, other) =>
      (load.get(other.deploy) ?? 0) < (load.get(one.deploy) ?? 0) ? other : one,
    );
    load.set(least.deploy, (load.get(least.deploy) ?? 0) + 1);
    return least;
  });
}

/** The whole of it, for one kind: kills everywhere, prints the count, and leaves nothing out. `expected`: seams that must be among it. */
export async function killEverywhere(
  kind: Kind,
  { expected = [], ...options }: KillOptions & { expected?: readonly string[] },
  say: (line: string) => void,
): Promise<void> {
  const everywhere = await KilledAnywhere.open(kind, options);
  let folder = '';
  try {
    folder = everywhere.stage.folder;
    const broken: string[] = [];
    const tell = (place: Place, said: string[]): void => {
      for (const line of said) broken.push(`${place.deploy}, ${place.name} (${place.count}): ${line}`);
    };
    for (const place of await everywhere.record()) tell(place, await everywhere.kill(place));
    // What only a recovery passes, and no second kill has met; or what did not come to its moment.
    for (let tries = 0, rest = everywhere.left(); rest.length > 0 && tries < 20; tries += 1, rest = everywhere.left()) {
      const { name, after } = rest[tries % rest.length]!;
      tell(after, await everywhere.kill(after, { effect: 'kill', count: 1, name }));
    }
    say(everywhere.count);
    assert.deepEqual(broken, []);
    assert.deepEqual(
      everywhere.left().map(({ name }) => name),
      [],
      'recorded, and not killed at',
    );
    for (const seam of expected)
      assert.ok(
        everywhere.names().some((name) => name.startsWith(seam)),
        `${seam} was not passed`,
      );
    assert.deepEqual(everywhere.problems(), []);
    assert.deepEqual(await doctorSays(everywhere.stage, 20_000), []);
  } finally {
    await everywhere[Symbol.asyncDispose]();
  }
  assert.deepEqual(leftOver(folder), []);
}

/** True when it has been so already. */
function isOver(work: Promise<void>): Promise<boolean> {
  return Promise.race([work.then(() => true), sleep(10, false)]);
}

/** A zombie is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
