// The doctor: looks at everything and says what is not as it should be; with `repair` it mends what has one right answer. A
// problem counts when two looks a moment apart have seen it: the agent mends much by itself within a second (a route that was
// lost, a process that died), and what was seen in the middle of that is none. On a healthy system one look is enough.
import { setTimeout as sleep } from 'node:timers/promises';
import type { App, Principal } from '../../domain/app.ts';
import { type DoctorRepair, type DoctorReport, problemRegistry } from '../../domain/doctor.ts';
import { describeEngine, type EngineLook } from '../../domain/engine.ts';
import { run } from '../../exec/exec.ts';
import { gitEnvironment } from '../../git/environment.ts';
import { listApps } from '../../store/apps.ts';
import { SharedTurns } from '../shared-turns.ts';
import type { World } from '../world.ts';
import type { Found } from './found.ts';
import { type Look, look } from './look.ts';
import { mend } from './mend.ts';

/** Between two looks: longer than the agent needs to bring the router up to date. */
const secondLookMs = 1500;
const mostApps = 10_000;
const order = Object.keys(problemRegistry);
/** One look at a time, since it reads every served byte; so many others may wait for theirs. */
const mostWaiting = 16;
const turns = new WeakMap<World, SharedTurns>();

export type Scope = { principal: Principal; app: App | null; version: string };

/** Who asks the same while it waits for its turn gets the same report. @throws busy */
export function examine(world: World, scope: Scope): Promise<DoctorReport> {
  const { principal, app } = scope;
  const question = JSON.stringify([principal.teamId, principal.appIds, app?.id ?? null]);
  return turnsOf(world).share(question, world.signal, async () => {
    const startedAtMs = performance.now();
    return reportOf(world, scope, await confirmedLook(world, scope), startedAtMs);
  });
}

/** @throws busy */
export function repair(world: World, scope: Scope): Promise<DoctorRepair> {
  return turnsOf(world).alone(world.signal, () => mendWhatCanBe(world, scope));
}

async function mendWhatCanBe(world: World, scope: Scope): Promise<DoctorRepair> {
  const startedAtMs = performance.now();
  const before = await confirmedLook(world, scope);
  const mended = await mend(world, before.found, scope.principal.name);
  const after = mended.length === 0 ? before : await confirmedLook(world, scope);
  const left = new Set(after.found.map(keyOf));
  const fixed = mended
    .filter((one) => !left.has(keyOf(one)))
    .map(({ problem: { code, app, what } }) => ({ code, app, what }));
  return { fixed, report: await reportOf(world, scope, after, startedAtMs) };
}

function turnsOf(world: World): SharedTurns {
  const known = turns.get(world) ?? new SharedTurns(mostWaiting);
  turns.set(world, known);
  return known;
}

async function confirmedLook(world: World, { principal, app }: Scope): Promise<Look> {
  const apps = app ? [app] : listApps(world.database, principal, '', mostApps);
  const isWhole = app === null && principal.appIds === null;
  const first = await look(world, apps, isWhole);
  if (first.found.length === 0) return first;
  await sleep(secondLookMs, undefined, { signal: world.signal });
  const suspects = new Set(first.found.map(keyOf));
  const second = await look(world, apps, isWhole);
  return { ...second, found: second.found.filter((one) => suspects.has(keyOf(one))) };
}

const keyOf = ({ problem: { code, app }, leftOver, orphan }: Found): string =>
  JSON.stringify([code, app, leftOver ?? null, orphan ?? null]);

async function reportOf(
  world: World,
  scope: Scope,
  { found, checked, notes, survey }: Look,
  startedAtMs: number,
): Promise<DoctorReport> {
  const hello = await world.hello().catch(() => null);
  const problems = found.map(({ problem }) => problem);
  return {
    problems: problems.sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code)),
    checked,
    notes: [...notes, ...(hello?.enforcement.why ?? [])],
    machine: {
      version: scope.version,
      agent: hello?.program ?? null,
      git: await gitVersion(),
      node: process.version,
      interpreters: hello?.interpreters.map(({ kind, version }) => `${kind} ${version}`) ?? [],
      tools: survey?.tools ?? [],
      enforcement: hello?.enforcement ?? {},
      disk: survey?.disk ?? null,
      engine: survey?.engine ? summaryOf(survey.engine) : null,
    },
    durationMs: Math.round(performance.now() - startedAtMs),
  };
}

const summaryOf = (engine: EngineLook) => ({
  state: engine.state,
  what: describeEngine(engine),
  advice: engine.state === 'ready' ? null : engine.advice,
});

async function gitVersion(): Promise<string | null> {
  const asked = await run(['git', '--version'], { env: gitEnvironment(), timeoutMs: 5000 }).catch(() => null);
  return asked?.code === 0 ? asked.stdout.trim().replace(/^git version /, '') : null;
}
