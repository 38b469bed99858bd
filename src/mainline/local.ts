// Main as a branch of the app's own bare repository, moved with the permit that its guard asks for.

import type { RefName } from '../git/argv.ts';
import type { Git } from '../git/git.ts';
import { enter, isArmed, leave } from '../lib/seam.ts';
import { type Mainline, valuesAfter } from './mainline.ts';

/** What main's log says of each advance. */
export const landedReason = 'lockstep: landed';

/** @param privileged the handle that has the repository's permit */
export function localMainline(privileged: Git, ref: RefName = 'refs/heads/main' as RefName): Mainline {
  return {
    tip: () => privileged.resolveRef(ref),
    async advance(base, candidate) {
      const at = isArmed ? enter('mainline.advance') : null;
      const isAdvanced = await privileged.updateRef(ref, candidate, base, landedReason);
      if (isArmed) leave(at);
      return isAdvanced ? 'advanced' : 'moved';
    },
    movedSince: async (since) => valuesAfter((await privileged.refHistory(ref)).reverse(), since),
  };
}
