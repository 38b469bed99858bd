// The birth of a change: its row and the ledger's word, in one transaction. It is asked for from here on, whatever happens.
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import { insertChange } from '../store/changes.ts';
import { inTransaction } from '../store/open.ts';
import { appendEvent } from '../store/transition.ts';
import { eventOf, newId, nowMs, type World } from './world.ts';

export type ChangeAsked = Pick<Change, 'how' | 'actor' | 'base' | 'head' | 'moments'> &
  Partial<Pick<Change, 'id' | 'source' | 'priority' | 'override' | 'allowsWeaker' | 'askedBy'>>;

/** Writes down that a change was asked for; its life begins. */
export function receiveChange(world: World, app: App, asked: ChangeAsked): Change {
  return inTransaction(world.database, () => {
    const change = insertChange(world.database, {
      ...asked,
      id: asked.id ?? newId('chg'),
      teamId: app.teamId,
      appId: app.id,
      branch: app.mainBranch!,
      createdAtMs: Math.round(nowMs()),
    });
    appendEvent(
      world.database,
      eventOf({ ...change, changeId: change.id }, 'change.received', {
        how: asked.how,
        base: asked.base,
        head: asked.head,
        ...(change.source === null ? {} : { branch: change.source }),
        ...(change.priority === 'normal' ? {} : { priority: change.priority }),
        ...(change.override === null ? {} : { override: change.override }),
        ...(change.allowsWeaker ? { allowsWeaker: true } : {}),
      }),
    );
    return change;
  });
}
