// Whether a merge request is wanted still, and what its asker may ask for: facts that are read when they count, since a request waits
// for longer than a token may live. It was taken back, or nobody who asked for it may deploy any more (the token was revoked, has
// expired or was narrowed). What took more than the right to deploy is the word of who asked first, and of nobody who joined.
import type { DatabaseSync } from 'node:sqlite';
import type { Change } from '../../domain/change.ts';
import type { TokenId } from '../../domain/ids.ts';
import type { WeakenAsked } from '../../gate/policy/weakening.ts';
import { runningChanges } from '../../store/changes.ts';
import { tokenTrouble } from '../../store/tokens.ts';
import type { World } from '../world.ts';

type About = Pick<Change, 'appId' | 'askedBy' | 'withdrawn' | 'override' | 'allowsWeaker'>;

/** Why it is to end; null: it is wanted. */
export function whyUnwanted(database: DatabaseSync, { appId, askedBy, withdrawn, override }: About): string | null {
  if (withdrawn !== null) return withdrawn;
  const [first] = askedBy;
  if (first === undefined) return null;
  if (override !== null) return tokenTrouble(database, first, appId, ['deploy', 'admin'], Date.now());
  const troubles = askedBy.map((id) => tokenTrouble(database, id, appId, ['deploy'], Date.now()));
  return troubles.includes(null) ? null : troubles[0]!;
}

/** Whether it may make main's gate weaker, now. */
export function weakenAskedBy(database: DatabaseSync, { appId, askedBy, allowsWeaker }: About): WeakenAsked {
  if (!allowsWeaker) return 'not';
  const [first] = askedBy;
  const isAdmin = first === undefined || tokenTrouble(database, first, appId, ['admin'], Date.now()) === null;
  return isAdmin ? 'by an admin' : 'without the right';
}

/** The queues look whether what this token asked for is wanted still. */
export function tokenChanged(world: World, id: TokenId): void {
  for (const { appId, askedBy } of runningChanges(world.database))
    if (askedBy.includes(id)) world.queueGrown({ id: appId });
}
