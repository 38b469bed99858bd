// One kind of process, killed at every place that it was seen to pass, in every kind of deploy, and again in the recovery that
// follows: what is recorded decides what is done, so a new call of a seam is killed at without anybody writing it down.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeployKind, Deploys } from './deploys.ts';
import { doctorSays } from './doctor-says.ts';
import { type Kind, kinds, type Step } from './failpoints.ts';
import { type ArenaOptions, KillArena, type Passed } from './kill-arena.ts';
import { onceEach, type Place, placesIn, type Sample, sampleOf } from './kill-places.ts';
import { leftOver } from './left-over.ts';
import { until } from './stage.ts';

/** The places are shared out among so many test files, and this is which of them. */
export type Part = { at: number; of: number };
type ShareOptions = {
  part?: Part;
  ofOthers?: Iterable<string>;
  isOurs?: (name: string) => boolean;
  /** Only so many of the places, and of the recovery only what is met. */
  sample?: Sample;
};
/** `LOCKSTEP_KILLS=all`: every place in every deploy that passes it; else in one of them. */
const isEvery = process.env.LOCKSTEP_KILLS === 'all';
const seed = Number(process.env.LOCKSTEP_SEED ?? 20261130);
/** `LOCKSTEP_KILLS_TOLD=1`: each as it is done. */
const isTold = process.env.LOCKSTEP_KILLS_TOLD === '1';

export class KilledAnywhere {
  readonly kind: Kind;
  readonly #arena: KillArena;
  /** Recorded names, each with a place in whose course or recovery it was passed. */
  readonly #recorded = new Map<string, Place>();
  readonly #killed = new Map<string, number>();
  /** Names that are killed at elsewhere: another part's, or another suite's. */
  readonly #ofOthers: Set<string>;
  /** Which of the names that only a recovery passes are this suite's. */
  readonly #isOurs: (name: string) => boolean;
  readonly places: readonly Place[];
  /** How many places the last recovery passed. */
  #recoveryLength = 1;
  #seconds = 0;
  #cases = 0;
  #deaths = 0;

  /** `passed`: recorded in the arena's deploys. */
  constructor(
    kind: Kind,
    arena: KillArena,
    passed: ReadonlyMap<DeployKind, Passed>,
    { part = { at: 0, of: 1 }, ofOthers = [], isOurs = () => true, sample }: ShareOptions = {},
  ) {
    this.kind = kind;
    this.#arena = arena;
    this.#ofOthers = new Set(ofOthers);
    this.#isOurs = sample === undefined ? isOurs : () => false;
    const all = [...passed]
      .flatMap(([deploy, names]) => placesIn(names[kind], deploy))
      .filter(({ name }) => !this.#ofOthers.has(name));
    const places = sample === undefined ? all : sampleOf(all, sample);
    const names = [...new Set(places.map(({ name }) => name))];
    const ours = new Set(names.filter((_, at) => at % part.of === part.at));
    for (const place of places)
      if (ours.has(place.name)) this.#recorded.set(place.name, place);
      else this.#ofOthers.add(place.name);
    this.places = (isEvery ? places : onceEach(places)).filter(({ name }) => ours.has(name));
  }

  /** Kills at the place, then at some place of the recovery, and holds what is left to the oracles. */
  async kill(place: Place, second: Step | null = null): Promise<string[]> {
    this.#cases += 1;
    this.#seconds = (this.#seconds % this.#recoveryLength) + 1;
    const again: Step = second ?? { effect: 'kill', count: this.#seconds, name: '*' };
    const { deploys, points, stage, watch } = this.#arena;
    if (this.#cases % 3 === 0 && this.kind !== 'agent') await this.#newUp();
    await deploys.prepare(place.deploy);
    points.forget();
    points.plan(this.kind, [{ effect: 'kill', count: place.count, name: place.name }, again]);
    const victim = stage.pids()[this.kind];
    const die = async (): Promise<string[]> => {
      const asked = deploys.go(place.deploy);
      // Some work waits for its moment: this time it may not come.
      const isReached = await Promise.race([
        points.reached(this.kind).then(() => true),
        asked.then(() => sleep(1000)).then(() => points.done(this.kind).length > 0),
      ]);
      if (!isReached) points.plan(this.kind, []);
      // It says so just before it dies.
      if (isReached)
        await until(
          () => !isAlive(victim),
          30_000,
          () => 'it lives',
        );
      const broken = await this.#settle();
      await Promise.race([asked, sleep(30_000, undefined, { ref: false }).then(() => assert.fail('nobody answers'))]);
      return broken;
    };
    const startedAt = performance.now();
    const broken = await (this.kind === 'router' ? watch.excuse(die, 'refusals') : die());
    this.#note(place);
    if (isTold)
      process.stderr.write(
        `${Math.round(performance.now() - startedAt)} ms, ${place.deploy}: ${points.done(this.kind).join(', then ')} ${broken.join('; ')}\n`,
      );
    points.forget();
    await deploys.servedIsMain();
    await this.#arena.clear();
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
    const where = this.#arena.engine === null ? '' : ' with an app in containers';
    return `${this.kind}${where}: killed ${this.#deaths} times, at ${this.#recorded.size - this.left().length} of ${this.#recorded.size} recorded places, in ${this.#cases} deploys, ${this.#arena.watch.requests} requests watched`;
  }

  /** Its keeper starts control and router again; `up` is started by us, as often as it dies in the start. */
  async #comeBack(): Promise<void> {
    const { kind } = this;
    const { points, stage } = this.#arena;
    let starts = 0;
    await until(
      async () => {
        if (kind === 'agent' && (await isOver(stage.agentEnded()))) {
          starts += 1;
          assert.ok(starts < 5, `up does not come up\n${stage.upStderr}`);
          await stage.up(points.env).catch(() => {});
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
    // An `up` that has died in it is started by us: until then nothing comes to rest.
    await Promise.race([this.#arena.atRest(), this.#arena.stage.agentEnded()]);
    this.#arena.points.plan(this.kind, [], 'keep');
    await this.#comeBack();
    return this.#arena.atRest();
  }

  /** A keeper that has started one often waits longer each time; a new one does not. */
  async #newUp(): Promise<void> {
    await this.#arena.stage.killAgent();
    await this.#arena.stage.up(this.#arena.points.env);
  }

  #note(place: Place): void {
    const done = this.#arena.points.done(this.kind);
    for (const name of done) this.#killed.set(name, (this.#killed.get(name) ?? 0) + 1);
    this.#deaths += done.length;
    const passed = this.#arena.points.passed(this.kind);
    for (const name of passed)
      if (!this.#recorded.has(name) && !this.#ofOthers.has(name) && this.#isOurs(name)) this.#recorded.set(name, place);
    const first = passed.indexOf(place.name);
    this.#recoveryLength = Math.max(1, Math.min(12, passed.length - first - 1));
  }
}

type Say = (line: string) => void;

/** The whole of it, for one kind: kills everywhere, prints the count, and leaves nothing out. `expected`: seams that must be among it. */
export async function killEverywhere(
  kind: Kind,
  { expected = [], part, ...options }: ArenaOptions & { part?: Part; expected?: readonly string[] },
  say: Say,
): Promise<void> {
  await inArena(options, async (arena) => {
    const everywhere = new KilledAnywhere(kind, arena, await arena.record(), part && { part });
    await killAll(everywhere, say);
    expectSeams(everywhere, expected);
  });
}

/** What of a recovery is the engine's, and no other suite's: such a seam, or such a caller. */
const isOfEngine = (name: string): boolean =>
  /^engine\(|:agent\/(?:engine|images|runtimes\/docker)\/|in-image/.test(name);

type Beyond = {
  /** Seams that must be among the agent's. */
  expected: readonly string[];
  /** How many of the places that both pass, by kind. */
  samples: Partial<Record<Kind, number>>;
};

/**
 * All kinds, at those places of an app in containers that the same deploys of an app of processes do not pass: both are recorded first.
 * Then at some of the others: `LOCKSTEP_SEED=N` chooses which.
 */
export async function killBeyondProcesses(
  { expected, samples, ...options }: ArenaOptions & Beyond,
  say: Say,
): Promise<void> {
  await inArena(options, async (arena) => {
    const ofProcesses = await arena.record(await Deploys.open(arena.stage, 'plain'));
    assert.equal((await arena.stage.api('/apps/plain', { method: 'DELETE' })).status, 204);
    const passed = await arena.record();
    for (const kind of kinds) {
      const ofOthers = [...ofProcesses.values()].flatMap((names) => names[kind]);
      const beyond = new KilledAnywhere(kind, arena, passed, { ofOthers, isOurs: isOfEngine });
      await killAll(beyond, say);
      if (kind === 'agent') expectSeams(beyond, expected);
      const most = samples[kind];
      if (most === undefined) continue;
      say(`seed ${seed}: ${most} of the other places of ${kind}`);
      const ofBeyond = beyond.names();
      await killAll(new KilledAnywhere(kind, arena, passed, { ofOthers: ofBeyond, sample: { most, seed } }), say);
    }
  });
}

async function inArena(options: ArenaOptions, work: (arena: KillArena) => Promise<void>): Promise<void> {
  const arena = await KillArena.open(options);
  try {
    await work(arena);
    assert.deepEqual(arena.watch.problems(), []);
    assert.deepEqual(await doctorSays(arena.stage, 20_000), []);
  } finally {
    await arena[Symbol.asyncDispose]();
  }
  assert.deepEqual(leftOver(arena.stage.folder), []);
}

async function killAll(everywhere: KilledAnywhere, say: Say): Promise<void> {
  const broken: string[] = [];
  const tell = (place: Place, said: string[]): void => {
    for (const line of said) broken.push(`${place.deploy}, ${place.name} (${place.count}): ${line}`);
  };
  for (const place of everywhere.places) tell(place, await everywhere.kill(place));
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
}

function expectSeams(everywhere: KilledAnywhere, expected: readonly string[]): void {
  for (const seam of expected)
    assert.ok(
      everywhere.names().some((name) => name.startsWith(seam)),
      `${seam} was not passed`,
    );
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
