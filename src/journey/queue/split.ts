// What becomes of a batch that was refused: it is halved, and each half is tested by itself, the first half first, until the one that
// breaks stands alone. When all that came before it has landed, the last is what failed with the batch: its tree is the very
// tree that was refused, and it is not tested once more. Pure.
import type { Split } from '../../domain/change.ts';

/** Of each member, in the order of the batch (two or more), what it may be tested with next. `name`: of the batch, unique. */
export function halves(count: number, name: string): Split[] {
  const first = Math.ceil(count / 2);
  const second = count - first;
  return Array.from({ length: count }, (_, at) =>
    at < first
      ? { group: `${name}.1`, most: first, isLast: false }
      : { group: `${name}.2`, most: second, isLast: at === count - 1 },
  );
}

/**
 * The split of a request that waits, once a whole first half has landed: the second is what failed, and is not tested together
 * once more. null: it has nothing to do with that.
 */
export function afterLanding(waiting: Split | null, landed: Split | null, landedCount: number): Split | null {
  if (waiting === null || landed === null || waiting.most === 1) return null;
  const isSibling = landed.group.endsWith('.1') && waiting.group === `${landed.group.slice(0, -1)}2`;
  return isSibling && landedCount === landed.most ? { ...waiting, most: 1 } : null;
}
