// The sets of a desired state, each with its app, found by their ids.
import type { DesiredApp, DesiredSet, DesiredState } from '../../domain/desired.ts';
import type { InstanceSetId } from '../../domain/ids.ts';

export type WantedSets = Map<InstanceSetId, { app: DesiredApp; set: DesiredSet }>;

export function setsOf(desired: DesiredState | null): WantedSets {
  const sets: WantedSets = new Map();
  for (const app of desired?.apps ?? []) for (const set of app.sets) sets.set(set.id, { app, set });
  return sets;
}
