/** A unit of length. */
export type Unit = 'm' | 'km' | 'mi' | 'ft';

const metres: Readonly<Record<Unit, number>> = { m: 1, km: 1000, mi: 1609.344, ft: 0.3048 };

/** Whether a word names a unit that is known. */
export function isUnit(word: string): word is Unit {
  return Object.hasOwn(metres, word);
}

/** A length in another unit, to a millionth. */
export function convert(value: number, from: Unit, to: Unit): number {
  const exact = (value * metres[from]) / metres[to];
  return Math.round(exact * 1e6) / 1e6;
}
