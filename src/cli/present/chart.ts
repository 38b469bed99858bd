// A row of figures as a small line of block characters, the oldest first; plain words where the output is no terminal.
const blocks = ['\u2581', '\u2582', '\u2583', '\u2584', '\u2585', '\u2586', '\u2587', '\u2588'] as const;
const missing = '\u00b7';

/** Highest at the highest figure, lowest at the lowest; all the same are a line in the middle. null: a dot. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const step = (value: number) =>
    least === most ? 3 : Math.min(blocks.length - 1, Math.floor(((value - least) / (most - least)) * blocks.length));
  return values.map((value) => (value === null ? missing : blocks[step(value)]!)).join('');
}

/** The first, the last and how they differ, in words: "72 % -> 91 % (rises)". */
export function trend(values: readonly (number | null)[], shown: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return 'not measured';
  if (known.length === 1) return shown(last);
  const word = last > first ? 'rises' : last < first ? 'falls' : 'holds';
  return `${shown(first)} -> ${shown(last)} (${word})`;
}
