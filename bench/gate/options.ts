// The words of `npm run bench -- gate`.
import { parseArgs } from 'node:util';
import type { Printing } from '../support/report.ts';
import { numberOf, toldBy, toldOptions } from '../support/words.ts';

/** `whole`: the Flask app with every check on, and beside it the same tools by hand. */
export const pieces = ['whole', 'examples', 'memo', 'queue'] as const;
export type Piece = (typeof pieces)[number];

export type Options = Printing & {
  /** Pushes of each kind that count. */
  runs: number;
  /** Merge requests that are asked for at once. */
  merges: number;
  only: readonly Piece[];
};

/** @throws for words that are not known */
export function parseOptions(words: string[]): Options {
  const { values } = parseArgs({
    args: words,
    options: {
      runs: { type: 'string', default: '6' },
      merges: { type: 'string', default: '20' },
      only: { type: 'string', default: pieces.join(',') },
      ...toldOptions,
    },
  });
  const runs = numberOf('runs', values.runs, { most: 200 });
  const merges = numberOf('merges', values.merges, { most: 200 });
  const asked = values.only.split(',');
  const only = pieces.filter((one) => asked.includes(one));
  if (only.length !== asked.length) throw new Error(`--only takes some of ${pieces.join(',')}`);
  return { runs, merges, only, ...toldBy(values) };
}
