// The crash model of the queue: real git, a real store, and control killed at every place that it passes while it lands a batch,
// ends a conflict and refuses what is broken; and killed once more in the recovery. Then the invariants are asked.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { branches, prepare } from './stages/merge-queue/control.ts';
import { Failpoints, type Step } from './support/failpoints.ts';
import type { AppFacts, HomeFacts } from './support/home-facts.ts';
import { oracles } from './support/oracles.ts';

const program = join(import.meta.dirname, 'stages', 'merge-queue', 'control.ts');
/** Those that are about the store and the repository; the others ask of real processes. */
const asked = ['mainIsProved', 'liveIsMain', 'landsOnce', 'endsOnce', 'versionsCount'] as const;
const expected = { one: 'landed', two: 'landed', against: 'conflict', broken: 'rejected' } as const;
/** `LOCKSTEP_KILLS=all`: every passing of every place; else the first of each. */
const isEvery = process.env.LOCKSTEP_KILLS === 'all';
const atOnce = 2;
/** Places that are no concern of the queue, and are killed at by others. */
const others = /takePermit|keepReports|keepGateRun/;

type MergeRow = AppFacts['changes'][number] & { source: string | null; how: string };
type Told = {
  facts: Omit<AppFacts, 'changes'> & { changes: MergeRow[] };
  sets: { wanted: string[]; routed: string | null };
  liveSet: string | null;
  logged: unknown[];
};

/** One life of control; null: it was killed. `compiled`: where the first life, which nobody kills, keeps what Node compiled for the others. */
function live(folder: string, points: Failpoints | null, compiled: string): Promise<Told | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder], {
      env: { ...process.env, ...points?.env, NODE_COMPILE_CACHE: compiled },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(null);
      else if (code === 0) resolve(JSON.parse(out) as Told);
      else reject(new Error(`it ended with ${code}: ${err}`));
    });
  });
}

function brokenOf(told: Told): string[] {
  const home = {
    apps: [told.facts],
    desired: [],
    routes: [],
    instances: [],
    pipes: [],
    waiting: [],
    engine: null,
    processes: [],
  } as HomeFacts;
  const merges = told.facts.changes.filter(({ how }) => how === 'merge');
  return [
    ...asked.flatMap((name) => oracles[name]!(home).map((said) => `${name}: ${said}`)),
    ...branches.flatMap((name) => {
      const states = merges.filter(({ source }) => source === name).map(({ state }) => state);
      return states.join() === expected[name] ? [] : [`${name} is ${states.join() || 'not there'}`];
    }),
    ...told.facts.refs.filter((ref) => ref.startsWith('refs/lockstep/')).map((ref) => `${ref} stayed`),
    ...told.facts.copies.map((copy) => `the copy ${copy} stayed`),
    ...(told.sets.wanted.join() === told.liveSet
      ? []
      : [`wanted are ${told.sets.wanted.join()}, live is ${told.liveSet}`]),
    ...(told.sets.routed === told.liveSet ? [] : [`the route leads to ${told.sets.routed}, live is ${told.liveSet}`]),
  ];
}

test('control killed at every place of the queue, and once more in its recovery, keeps I1 to I7', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-queue-crashes-'));
  try {
    const before = join(root, 'before');
    const compiled = join(root, 'compiled');
    mkdirSync(before);
    await prepare(before);
    let cases = 0;
    const begin = (): { folder: string; points: Failpoints } => {
      cases += 1;
      const folder = join(root, `case-${cases}`);
      cpSync(before, folder, { recursive: true });
      return { folder, points: new Failpoints(join(root, `points-${cases}`)) };
    };
    const whole = begin();
    const unharmed = await live(whole.folder, whole.points, compiled);
    assert.deepEqual(brokenOf(unharmed!), []);
    const together = unharmed!.facts.changes.filter(({ state, how }) => state === 'landed' && how === 'merge');
    assert.equal(new Set(together.map(({ candidate }) => candidate)).size, 1, 'two share a gate');
    const counts = new Map<string, number>();
    const places = whole.points.passed('control').flatMap((name): Step[] => {
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return isEvery || (count === 1 && !others.test(name)) ? [{ effect: 'kill', count, name }] : [];
    });
    assert.ok(places.length > 20, `only ${places.length} places`);
    for (const seam of ['mainline.advance', 'store.commit'])
      assert.ok(
        places.some(({ name }) => name.startsWith(seam)),
        `${seam} is passed`,
      );
    let deaths = 0;
    const broken: string[] = [];
    const kill = async (place: Step, at: number): Promise<void> => {
      const { folder, points } = begin();
      // The second death comes somewhere in the recovery: each time at another of its places.
      points.plan('control', [place, { effect: 'kill', count: (at % 12) + 1, name: '*' }]);
      let told: Told | null = null;
      for (let lives = 0; told === null && lives < 5; lives += 1) {
        told = await live(folder, points, compiled);
        if (told === null) deaths += 1;
      }
      const where = points.done('control').join(', then ');
      const said = told === null ? ['it never came to its end'] : brokenOf(told);
      for (const line of said) broken.push(`${where}: ${line}`);
      rmSync(folder, { recursive: true, force: true });
    };
    const left = places.entries();
    const worker = async (): Promise<void> => {
      for (const [at, place] of left) await kill(place, at);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    t.diagnostic(`killed ${deaths} times at ${places.length} places`);
    assert.deepEqual(broken, []);
    assert.ok(deaths > places.length, 'most died twice');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
