// Writes down the figures of what lands, and tells them: over the releases, and as a badge.
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { Verdict } from '../domain/gate.ts';
import { type Badge, type BadgeMetric, figuresOf, styleNow } from '../domain/quality.ts';
import { percent } from '../gate/coverage.ts';
import { listChanges } from '../store/changes.ts';
import { keepQuality, listQuality, styleBefore } from '../store/quality.ts';
import { liveRelease } from '../store/releases.ts';
import { statusOf } from './status.ts';
import { nowMs, type World } from './world.ts';

/** What the gate has looked at: every file of the tree, and those that changed (null: all). */
export type Looked = { paths: ReadonlySet<string>; changed: ReadonlySet<string> | null };

/**
 * @param together the change, and those of its batch: one commit, measured once
 * @param looked null: nobody remembers (control was restarted). The caller holds the transaction.
 */
export function noteQuality(
  world: World,
  app: App,
  together: readonly [Change, ...Change[]],
  verdict: Verdict | null,
  version: number,
  looked: Looked | null,
): void {
  const [change] = together;
  const checks = verdict?.checks ?? [];
  const before = styleBefore(world.database, app.id, change.tree);
  const style = before.isSame
    ? before.style
    : styleNow(before.style, checks, looked?.paths ?? null, looked === null ? new Set() : looked.changed);
  const commit = change.candidate ?? change.head;
  const changes = together.map(({ number }) => number);
  const kept = { version, commit, changes, figures: figuresOf(checks, style), style, landedAtMs: Math.round(nowMs()) };
  keepQuality(world.database, { ...change, changeId: change.id }, kept);
}

/** What an app's badge says now. */
export async function badgeOf(world: World, app: App, metric: BadgeMetric): Promise<Badge> {
  const newest = listQuality(world.database, app.id, 1)[0]?.figures ?? null;
  if (metric === 'coverage') return shareBadge('coverage', newest?.coverage ?? null);
  if (metric === 'docs') {
    const isThere = (liveRelease(world.database, app.id)?.docs.length ?? 0) > 0;
    if (newest?.docstrings != null) return shareBadge('docs', newest.docstrings);
    return { label: 'docs', value: isThere ? 'published' : 'none', colour: isThere ? 'green' : 'grey' };
  }
  if (metric === 'in-sync') {
    const { state } = await statusOf(world, app);
    const colour = ({ 'IN SYNC': 'green', DRIFTED: 'red', DEPLOYING: 'yellow', EMPTY: 'grey' } as const)[state];
    return { label: 'main is live', value: state.toLowerCase(), colour };
  }
  const last = listChanges(world.database, app.id, null, 20).find(
    ({ state }) => state === 'landed' || state === 'rejected',
  );
  if (last === undefined) return { label: 'gate', value: 'nothing landed', colour: 'grey' };
  return last.state === 'landed'
    ? { label: 'gate', value: 'passing', colour: 'green' }
    : { label: 'gate', value: 'last change rejected', colour: 'yellow' };
}

function shareBadge(label: string, share: number | null): Badge {
  if (share === null) return { label, value: 'not measured', colour: 'grey' };
  return { label, value: percent(share), colour: share >= 0.8 ? 'green' : share >= 0.5 ? 'yellow' : 'red' };
}
