// Where a crash suite plays: a Lockstep with its failpoints armed, an app that is deployed in every way, and a visitor who never stops.
// What is passed in a deploy is recorded for all kinds of process at once.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type DeployFiles, type DeployKind, Deploys, deployKinds, kindsInEngine } from './deploys.ts';
import { Failpoints, type Kind, kinds } from './failpoints.ts';
import { problemsAtRest } from './oracles.ts';
import { PageWatch, releaseNumber } from './page-watch.ts';
import { Stage } from './stage.ts';

export type ArenaOptions = DeployFiles & {
  /** The socket of the engine in whose containers the app runs; null: it runs as processes of the machine. */
  engine?: string | null;
};
/** The names that each kind of process passed, in order. */
export type Passed = Record<Kind, string[]>;

export class KillArena implements AsyncDisposable {
  readonly stage: Stage;
  readonly points: Failpoints;
  readonly deploys: Deploys;
  readonly watch: PageWatch;
  readonly engine: string | null;

  private constructor(stage: Stage, points: Failpoints, deploys: Deploys, engine: string | null) {
    this.stage = stage;
    this.points = points;
    this.deploys = deploys;
    this.engine = engine;
    const whole = /^<!doctype html>.*<h1>Tide Pool \d+<\/h1>.*<\/html>\n$/s;
    this.watch = new PageWatch(stage, deploys.app, releaseNumber(whole), 10);
  }

  static async open({ engine = null, ...files }: ArenaOptions): Promise<KillArena> {
    const stage = await Stage.open();
    try {
      await stage.down();
      const points = new Failpoints(join(stage.folder, 'points'), engine === null ? {} : { LOCKSTEP_ENGINE: engine });
      await stage.up(points.env);
      return new KillArena(stage, points, await Deploys.open(stage, 'pool', files), engine);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  atRest(): Promise<string[]> {
    return problemsAtRest(this.stage, { watches: [this.watch], engine: this.engine });
  }

  /** Each kind of deploy once, unharmed. `of`: those of another app. */
  async record(of: Deploys = this.deploys): Promise<Map<DeployKind, Passed>> {
    const passed = new Map<DeployKind, Passed>();
    for (const deploy of this.engine === null ? deployKinds : kindsInEngine) {
      await of.prepare(deploy);
      this.points.forget();
      await of.go(deploy);
      assert.deepEqual(await this.atRest(), [], deploy);
      of.endedWell(deploy);
      passed.set(deploy, Object.fromEntries(kinds.map((kind) => [kind, this.points.passed(kind)])) as Passed);
      await this.clear(of);
    }
    return passed;
  }

  /** Removes what first pushes have made, also from the engine. */
  async clear(of: Deploys = this.deploys): Promise<void> {
    await of.clear();
    if (this.engine !== null) assert.deepEqual(await this.atRest(), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch[Symbol.asyncDispose]();
    await this.stage[Symbol.asyncDispose]();
  }
}
