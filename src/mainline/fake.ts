// Main in memory, for tests of what stands on the seam.
import type { CommitId } from '../domain/ids.ts';
import { type Mainline, valuesAfter } from './mainline.ts';

export function fakeMainline(): Mainline {
  const history: CommitId[] = [];
  return {
    tip: async () => history.at(-1) ?? null,
    async advance(base, candidate) {
      if ((history.at(-1) ?? null) !== base) return 'moved';
      history.push(candidate);
      return 'advanced';
    },
    movedSince: async (since) => valuesAfter(history, since),
  };
}
