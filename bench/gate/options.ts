// The words of `npm run bench -- gate`.
import { parseArgs } from 'node:util';

/** `whole`: the Flask app with every check on, and beside it the same tools by hand. */
export const pieces = ['whole', 'examples', 'memo', 'queue'] as const;
export type Piece = (typeof pieces)[number];

export type Options = {
  /** Pushes of each kind that count. */
  runs: number;
  /** Merge requests that are asked for at once. */
  merges: number;
  only: readonly Piece[];
  isJson: boolean;
  /** Exit 1 when it is void or a bar does not hold. */
  isStrict: boolean;
};

/** @throws for words that are not known */
export function parseOptions(words: string[]): Options {
  const { values } = parseArgs({
    args: words,
    options: {
      runs: { type: 'string', default: '6' },
      merges: { type: 'string', default: '20' },
      only: { type: 'string', default: pieces.join(',') },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  });
  const [runs, merges] = [Number(values.runs), Number(values.merges)];
  for (const [name, value] of Object.entries({ runs, merges }))
    if (!Number.isInteger(value) || value < 1 || value > 200) throw new Error(`--${name} takes a number from 1 to 200`);
  const asked = values.only.split(',');
  const only = pieces.filter((one) => asked.includes(one));
  if (only.length !== asked.length) throw new Error(`--only takes some of ${pieces.join(',')}`);
  return { runs, merges, only, isJson: values.json, isStrict: values.strict };
}
