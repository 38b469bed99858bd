// The places at which a crash suite kills: what was recorded of a deploy, each once, or a sample of them.
import { createHash } from 'node:crypto';
import type { DeployKind } from './deploys.ts';

/** A place in the course of a deploy: the count-th passing of a name. */
export type Place = { deploy: DeployKind; name: string; count: number };
/** The same seed chooses the same, also when there are others beside. */
export type Sample = { most: number; seed: number };
/** Passings of one name in one deploy that count as places of their own. */
const mostCounts = 2;

/** In one deploy of this kind, from what was passed in it, in order. */
export function placesIn(passed: readonly string[], deploy: DeployKind): Place[] {
  const counts = new Map<string, number>();
  return passed.flatMap((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count <= mostCounts ? [{ deploy, name, count }] : [];
  });
}

/** Each place in the deploy that has the fewest so far. */
export function onceEach(places: readonly Place[]): Place[] {
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

/** One place each of as many names. */
export function sampleOf(places: readonly Place[], { most, seed }: Sample): Place[] {
  const rankOf = ({ deploy, name, count }: Place): string =>
    createHash('sha256').update(`${seed} ${name} ${deploy} ${count}`).digest('hex');
  const ranked = places.map((place) => ({ place, rank: rankOf(place) }));
  ranked.sort((one, other) => (one.rank < other.rank ? -1 : 1));
  const byName = new Map<string, Place>();
  for (const { place } of ranked) if (!byName.has(place.name)) byName.set(place.name, place);
  return [...byName.values()].slice(0, most);
}
