// Which version of its interface we speak with an engine: the newest that both know. Debian's engine of today knows up to 1.41, the
// current ones refuse what is older than 1.44.

/** What we were written against, and tested with. */
export const oldestSpoken = '1.41';
export const newestSpoken = '1.47';

export type Negotiated = { version: string } | { refused: 'too-old' | 'too-new' };

/** @param engine the newest and the oldest version that it says it speaks; null: not a version */
export function negotiate(engine: { newest: string; oldest: string }): Negotiated | null {
  const [newest, oldest] = [numberOf(engine.newest), numberOf(engine.oldest)];
  if (newest === null || oldest === null) return null;
  if (newest < numberOf(oldestSpoken)!) return { refused: 'too-old' };
  if (oldest > numberOf(newestSpoken)!) return { refused: 'too-new' };
  return { version: newest < numberOf(newestSpoken)! ? engine.newest : newestSpoken };
}

/** 1.41 -> 1041 */
function numberOf(version: string): number | null {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(version) ?? [];
  return major === undefined ? null : Number(major) * 1000 + Number(minor);
}
