// Moves main, and knows afterwards whether it moved. An advance that ends in an error may have happened all the same (git
// was killed after its rename, the answer was lost): then main itself is asked, for it is the commit point.
import type { CommitId } from '../domain/ids.ts';
import type { Mainline } from '../mainline/mainline.ts';

/**
 * `advanced`: main has held the candidate. `moved`: it stood elsewhere, and nothing changed. `unknown`: nobody can say now;
 * the next start decides (`recover`).
 * @throws the advance's own error, when main stands at `base` still
 */
export async function advanceSurely(
  mainline: Mainline,
  base: CommitId | null,
  candidate: CommitId,
): Promise<'advanced' | 'moved' | 'unknown'> {
  try {
    return await mainline.advance(base, candidate);
  } catch (error) {
    const now = await whereIs(mainline, base, candidate).catch(() => 'unknown' as const);
    if (now === 'at base') throw error;
    return now;
  }
}

async function whereIs(mainline: Mainline, base: CommitId | null, candidate: CommitId) {
  const tip = await mainline.tip();
  if (tip === base) return 'at base';
  if (tip === candidate) return 'advanced';
  return (await mainline.movedSince(base))?.includes(candidate) ? 'advanced' : 'moved';
}
