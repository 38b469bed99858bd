// Random schedules of a queue (pushes, requests, cancels, deletions, bases that move, kills), by seed, held to the simplest queue
// that there is: one that tests each request alone, in order, and lands it when it is good.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Priority, Split } from '../../domain/change.ts';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { type Action, plan, type QueueState, type Request } from './plan.ts';
import { afterLanding, halves } from './split.ts';

type Ended = { state: string; reason: string };
type Kept = Request & { end: Ended | null; isDisturbed: boolean; isBad: boolean };

/** Numbers from 0 up to 1, the same for the same seed. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Simulation {
  readonly #next: () => number;
  readonly kept: Kept[] = [];
  readonly landed: Kept[] = [];
  readonly #heads = new Map<BranchName, CommitId>();
  #running: { ids: ChangeId[]; base: CommitId; phase: 'gating' | 'passed' | 'advanced'; isStopped: boolean } | null =
    null;
  #tip = 'main-0' as CommitId;
  #count = 0;
  #nowMs = 0;
  gates = 0;
  largest = 0;
  readonly #badShare: number;

  constructor(seed: number, badShare: number) {
    this.#next = random(seed);
    this.#badShare = badShare;
  }

  #pick<T>(among: readonly T[]): T | undefined {
    return among[Math.floor(this.#next() * among.length)];
  }

  get #open(): Kept[] {
    return this.kept.filter(({ end }) => end === null);
  }

  #state(): QueueState {
    const taken = this.#running?.ids ?? [];
    const open = this.#open;
    return {
      queued: open.filter(({ id }) => !taken.includes(id)),
      running: this.#running && {
        requests: open.filter(({ id }) => taken.includes(id)),
        base: this.#running.base,
        isPassed: this.#running.phase !== 'gating',
        isStopped: this.#running.isStopped,
      },
      tip: this.#tip,
      heads: this.#heads,
      mayStart: true,
      nowMs: this.#nowMs,
      gateMs: 1000,
      failureRate: 0,
      batch: { min: 1, max: 4 },
    };
  }

  tick(): void {
    for (;;) {
      const actions = plan(this.#state());
      for (const action of actions) this.#do(action);
      if (actions.length === 0) return;
    }
  }

  #do(action: Action): void {
    if (action.do === 'end') this.#end(action.id, action.state, action.reason);
    else if (action.do === 'stop') this.#running!.isStopped = true;
    else {
      assert.equal(this.#running, null, 'one gate at a time');
      this.#running = { ids: [...action.ids], base: this.#tip, phase: 'gating', isStopped: false };
      this.gates += 1;
      this.largest = Math.max(this.largest, action.ids.length);
    }
  }

  #end(id: ChangeId, state: string, reason: string): void {
    const one = this.kept.find((each) => each.id === id)!;
    assert.equal(one.end, null, `${id} ends twice`);
    one.end = { state, reason };
  }

  /** What the gate that runs comes to next. */
  step(): void {
    const running = this.#running;
    if (!running) return;
    const members = running.ids.map((id) => this.kept.find((one) => one.id === id)!);
    if (running.phase === 'gating') {
      const isGood = members.every((one) => !one.isBad);
      if (running.isStopped) this.#running = null;
      else if (isGood) running.phase = 'passed';
      else {
        this.#running = null;
        if (members.length === 1) {
          this.#end(members[0]!.id, 'rejected', 'tests');
          return;
        }
        const splits = halves(members.length, `g${this.gates}`);
        for (const [at, one] of members.entries()) one.split = splits[at]!;
      }
    } else if (running.phase === 'passed') {
      if (this.#tip !== running.base) this.#running = null;
      else {
        this.#tip = `main-${++this.#count}` as CommitId;
        running.phase = 'advanced';
      }
    } else {
      this.#running = null;
      for (const one of members) {
        this.#end(one.id, 'landed', 'landed');
        this.landed.push(one);
      }
      for (const one of this.#open) one.split = afterLanding(one.split, members[0]!.split, members.length) ?? one.split;
    }
  }

  /** What a start of control does with what a killed one left. */
  kill(): void {
    if (this.#running?.phase === 'advanced') this.step();
    this.#running = null;
  }

  act(): void {
    this.#nowMs += Math.floor(this.#next() * 800);
    const dice = this.#next();
    if (dice < 0.3) this.#ask();
    else if (dice < 0.36) this.#push();
    else if (dice < 0.4) this.#cancel();
    else if (dice < 0.43) this.#delete();
    else if (dice < 0.47) this.#tip = `main-${++this.#count}` as CommitId;
    else if (dice < 0.52) this.kill();
    else this.step();
    this.tick();
  }

  #disturb(branch: BranchName): void {
    for (const one of this.#open) if (one.branch === branch) one.isDisturbed = true;
  }

  #ask(): void {
    const number = this.kept.length + 1;
    const branch = (this.#next() < 0.7 ? `b${number}` : `shared${Math.floor(this.#next() * 3)}`) as BranchName;
    const head = `head-${number}` as CommitId;
    this.#disturb(branch);
    this.#heads.set(branch, head);
    const priority: Priority = this.#next() < 0.1 ? 'hotfix' : 'normal';
    const isBad = this.#next() < this.#badShare;
    this.kept.push({
      ...{ id: `c${number}` as ChangeId, number, head, branch, priority, arrivedAtMs: this.#nowMs, conflicts: null },
      // Now and then what was found green breaks when it is merged.
      verdict: isBad && this.#next() < 0.5 ? 'red' : 'green',
      ...{ withdrawn: null, split: null as Split | null, isOverride: false, isAlone: false },
      ...{ end: null, isDisturbed: false, isBad },
    });
  }

  #push(): void {
    const branch = this.#pick([...this.#heads.keys()]);
    if (!branch) return;
    this.#disturb(branch);
    this.#heads.set(branch, `pushed-${++this.#count}` as CommitId);
  }

  #cancel(): void {
    const one = this.#pick(this.#open);
    if (!one) return;
    one.isDisturbed = true;
    one.withdrawn = 'cancelled by Ada';
  }

  #delete(): void {
    const branch = this.#pick([...this.#heads.keys()]);
    if (!branch) return;
    this.#disturb(branch);
    this.#heads.delete(branch);
  }

  drain(): void {
    const gatesBefore = this.gates;
    const most = 3 * this.#open.length + 2;
    for (let left = 10_000; this.#open.length > 0; left -= 1) {
      assert.ok(left > 0, 'the queue stands still');
      this.tick();
      this.step();
    }
    assert.ok(this.gates - gatesBefore <= most, `${this.gates - gatesBefore} gates for ${most} at most`);
  }
}

/** One at a time, in order: what must become of whatever nobody disturbed. */
function simplest(requests: readonly Kept[]): Map<ChangeId, string> {
  return new Map(requests.filter((one) => !one.isDisturbed).map((one) => [one.id, one.isBad ? 'rejected' : 'landed']));
}

test('under any schedule the queue lands what is good, rejects what is bad, and nothing else of it ends without a cause', () => {
  let gates = 0;
  let landed = 0;
  let largest = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const simulation = new Simulation(seed, [0, 0.05, 0.2][seed % 3]!);
    for (let steps = 0; steps < 200; steps += 1) simulation.act();
    simulation.drain();
    const { kept } = simulation;
    const expected = simplest(kept);
    for (const one of kept) {
      const told = `seed ${seed}, ${one.id}: ${JSON.stringify(one.end)}`;
      assert.ok(one.end !== null && one.end.reason !== '', told);
      if (expected.has(one.id)) assert.equal(one.end.state, expected.get(one.id), told);
      if (one.end.state === 'landed') assert.equal(one.isBad, false, told);
      if (one.end.state === 'rejected') assert.equal(one.isBad, true, told);
      if (!one.isDisturbed) assert.ok(['landed', 'rejected'].includes(one.end.state), told);
    }
    assert.equal(new Set(simulation.landed).size, simulation.landed.length, `seed ${seed}: something landed twice`);
    // Among equals, who came first lands first.
    const normal = simulation.landed.filter((one) => one.priority === 'normal').map(({ number }) => number);
    assert.deepEqual(
      normal,
      normal.toSorted((a, b) => a - b),
      `seed ${seed}`,
    );
    gates += simulation.gates;
    landed += simulation.landed.length;
    largest = Math.max(largest, simulation.largest);
  }
  assert.equal(largest, 4);
  assert.ok(landed > 10_000 && gates > 0, `${landed} landed in ${gates} gates`);
});
