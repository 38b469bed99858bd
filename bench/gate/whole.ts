// The Flask app with every check on: a line of code is pushed until it is live, once in a function's body (the API pages stay as they
// are) and once in a constant (they are built again), and in turns with it the same tools run by hand.
import { now } from '../../scripts/demo/ask.ts';
import { type Json, type Stage, until } from '../../test/support/stage.ts';
import { noiseNow } from '../support/machine.ts';
import { say } from '../support/report.ts';
import { type Hand, type Hands, openHands, untilSeen } from './by-hand.ts';
import { app, bodyEdit, checkNames, constantEdit, detail, type Edit, makeWhole } from './subject.ts';

/** Milliseconds. `gateMs`: from the plan to the verdict, with the new release started; `checks`: by their own clocks. */
export type Pushed = { liveMs: number; gateMs: number; checks: Record<string, number> };
export type Whole = {
  body: Pushed[];
  constant: Pushed[];
  inTurn: Hand[];
  atOnce: Hand[];
  firstMs: number;
  void: string[];
};

export async function measureWhole(stage: Stage, runs: number, noise: number[]): Promise<Whole> {
  const work = await makeWhole(stage);
  const begunAt = now();
  await stage.deploy(work);
  const whole: Whole = { body: [], constant: [], inTurn: [], atOnce: [], firstMs: now() - begunAt, void: [] };
  const hands = await openHands(stage);
  for (let run = 0; run <= runs; run += 1) {
    if (run > 0) noise.push(await noiseNow());
    const one = await inTurns(stage, hands, work);
    whole.void.push(...one.void);
    if (run === 0) continue; // caches of the disk, mypy's, and what stands by
    for (const key of ['body', 'constant'] as const) whole[key].push(one[key]);
    for (const key of ['inTurn', 'atOnce'] as const) whole[key].push(one[key]);
    say(`${run}: live ${one.body.liveMs | 0} ms, gate ${one.body.gateMs | 0} ms, by hand ${one.atOnce.wholeMs | 0} ms`);
  }
  return whole;
}

async function inTurns(stage: Stage, hands: Hands, work: string) {
  const wrong: string[] = [];
  const pushed = async (edit: Edit): Promise<Pushed> => {
    await write(stage, work, edit);
    const startedAt = now();
    const seen = untilSeen({ port: stage.port, host: `${app}.localhost:${stage.port}`, path: edit.path }, edit.seen);
    seen.catch(() => {});
    await stage.deploy(work);
    const liveMs = (await seen) - startedAt;
    const change = await ended(stage);
    wrong.push(...wrongWith(change, edit));
    const checks = change.verdict.checks.map(({ name, durationMs }: Json) => [name, durationMs]);
    const { proved, gating } = change.moments;
    return { liveMs, gateMs: proved - gating, checks: Object.fromEntries(checks) };
  };
  const handed = async (how: 'inTurn' | 'atOnce'): Promise<Hand> => {
    const edit = bodyEdit(work);
    await write(stage, work, edit);
    const hand = await hands[how](work, edit);
    await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
    return hand;
  };
  const constant = await pushed(constantEdit(work));
  const atOnce = await handed('atOnce');
  const body = await pushed(bodyEdit(work));
  const inTurn = await handed('inTurn');
  return { body, constant, atOnce, inTurn, void: wrong };
}

async function write(stage: Stage, work: string, { file, text, seen }: Edit): Promise<void> {
  stage.write(work, { [file]: text });
  await stage.commit(work, `show ${seen}`);
}

/** It is seen before its record is closed. */
async function ended(stage: Stage): Promise<Json> {
  let change: Json = null;
  await until(
    async () => {
      change = await detail(stage, app);
      return change.state === 'landed';
    },
    30_000,
    () => `the change is ${change?.state}`,
  );
  return change;
}

/** Why a push does not count. */
function wrongWith(change: Json, { isBuilt }: Edit): string[] {
  if (change.isMemoised) return ['a push came from the memo'];
  const by = new Map<string, Json>(change.verdict.checks.map((one: Json) => [one.name, one]));
  const missing = [...checkNames, 'build', 'boot'].filter((name) => by.get(name)?.outcome !== 'passed');
  const isAsOnMain = / as on main$/.test(by.get('docs')?.summary ?? '');
  return [
    ...(missing.length > 0 ? [`${missing.join(', ')} did not run`] : []),
    ...(isAsOnMain === isBuilt ? [`the API pages were ${isBuilt ? 'not ' : ''}built again`] : []),
  ];
}
