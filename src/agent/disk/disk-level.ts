// What so many bytes of a limit mean, with the way back a little lower than the way there, so that nothing flaps.
//   fine    -> near at 80 %, full at 100 %
//   near    -> full at 100 %, fine below 75 %
//   full    writing is refused; below 95 % near or fine; -> over when it has grown by a quarter of the limit all the same
//           (by what the refusal does not see: empty files, holes that are filled)
//   over    nothing of the app runs; -> full below 100 %

export const diskLevels = ['fine', 'near', 'full', 'over'] as const;
export type DiskLevel = (typeof diskLevels)[number];

const up: Readonly<Record<DiskLevel, number>> = { fine: 0, near: 0.8, full: 1, over: Number.POSITIVE_INFINITY };
const keep: Readonly<Record<DiskLevel, number>> = { fine: 0, near: 0.75, full: 0.95, over: 1 };
const growth = 0.25;

/** @param refusedBytes what there was once writing was refused; null: it is not */
export function diskLevel(
  before: DiskLevel,
  bytes: number,
  limitBytes: number,
  refusedBytes: number | null,
): DiskLevel {
  if (before === 'full' && refusedBytes !== null && bytes >= refusedBytes + growth * limitBytes) return 'over';
  const share = bytes / limitBytes;
  const isHeld = (level: DiskLevel) =>
    diskLevels.indexOf(level) <= diskLevels.indexOf(before) ? share >= keep[level] : share >= up[level];
  return diskLevels.findLast(isHeld) ?? 'fine';
}
