// What a soak does, and when, from a seed alone: the same seed and the same minutes give the same list. Each app has a stream of
// its own; troubles come in rounds in which each kind happens once, in an order of the seed's.
export const works = ['deploy', 'reject', 'rollback', 'config'] as const;
export type Work = (typeof works)[number];
export const whoms = ['control', 'agent', 'router', 'instance'] as const;
export type Whom = (typeof whoms)[number];

export type Step =
  | { atMs: number; do: Work; app: string }
  /** An instance is one of `app`. */
  | { atMs: number; do: 'kill'; whom: Whom; app: string }
  | { atMs: number; do: 'freeze'; whom: Whom; app: string; forMs: number }
  | { atMs: number; do: 'fill'; forMs: number }
  | { atMs: number; do: 'flood'; megabytes: number };

/** Deploys are what it is about; each of the others now and then. */
const workBag: readonly Work[] = ['deploy', 'deploy', 'deploy', 'reject', 'rollback', 'config'];
const firstMs = 2000;
/** Nothing new is begun so shortly before the end. */
const lastMs = 3000;

export function scheduleOf(seed: number, minutes: number, apps: readonly string[]): Step[] {
  const endMs = minutes * 60_000 - lastMs;
  const random = randomOf(seed);
  const between = (least: number, most: number): number => Math.round(least + random() * (most - least));
  const steps: Step[] = [];
  for (const app of apps) {
    const work = bagOf(workBag, random);
    for (let atMs = firstMs + between(0, 1500); atMs < endMs; atMs += between(1500, 5000))
      steps.push({ atMs, do: work(), app });
  }
  const troubles = [
    ...whoms.flatMap((whom) => [
      { do: 'kill' as const, whom },
      { do: 'freeze' as const, whom },
    ]),
    { do: 'fill' as const },
    { do: 'flood' as const },
  ];
  const trouble = bagOf(troubles, random);
  const victim = bagOf(apps, random);
  for (let atMs = firstMs + between(1000, 3000); atMs < endMs; atMs += between(2500, 7000)) {
    const one = trouble();
    if (one.do === 'fill') steps.push({ atMs, do: 'fill', forMs: between(1000, 4000) });
    else if (one.do === 'flood') steps.push({ atMs, do: 'flood', megabytes: between(5, 40) });
    else if (one.do === 'kill') steps.push({ atMs, do: 'kill', whom: one.whom, app: victim() });
    else steps.push({ atMs, do: 'freeze', whom: one.whom, app: victim(), forMs: between(300, 4000) });
  }
  return steps.sort((a, b) => a.atMs - b.atMs);
}

/** Each of the things once in an order of chance, then each again in another. */
function bagOf<T>(things: readonly T[], random: () => number): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...things];
    return left.splice(Math.floor(random() * left.length), 1)[0]!;
  };
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32: 32 bits of state, enough for a schedule). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
