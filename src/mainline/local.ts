// Main as a branch of the app's own bare repository, moved with the permit that its guard asks for.

import type { RefName } from '../git/argv.ts';
import type { Git } from '../git/git.ts';
import { type Mainline, valuesAfter } from './mainline.ts';

/** @param privileged the handle that has the repository's permit */
export function localMainline(privileged: Git, ref: RefName = 'refs/heads/main' as RefName): Mainline {
  return {
    tip: () => privileged.resolveRef(ref),
    async advance(base, candidate) {
      return (await privileged.updateRef(ref, candidate, base, 'lockstep: landed')) ? 'advanced' : 'moved';
    },
    movedSince: async (since) => valuesAfter((await privileged.refHistory(ref)).reverse(), since),
  };
}
