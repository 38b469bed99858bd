// "Did you mean": the known word that needs the fewest edits, when that is few enough to be a slip and not another word.

/** Edits from one word to another: a letter more, less or other, or two neighbours swapped. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const isSame = from[i - 1] === to[j - 1];
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const edits = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      next.push(isSwapped ? Math.min(edits, before[j - 2]! + 1) : edits);
    }
    [before, row] = [row, next];
  }
  return row[to.length]!;
}

/** The word of `known` nearest to `word`, or null when none is near. Only the first 40 characters count. */
export function nearest(word: string, known: readonly string[]): string | null {
  const asked = word.slice(0, 40).toLowerCase();
  let best: string | null = null;
  let least = Math.max(1, Math.floor(asked.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(asked, candidate);
    if (edits < least) [best, least] = [candidate, edits];
  }
  return best;
}
