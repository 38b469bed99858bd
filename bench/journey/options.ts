// The words of `npm run bench -- journey`.
import { parseArgs } from 'node:util';

export type Options = {
  /** Valid runs that are wanted. */
  runs: number;
  /** Wait a minute before memory is read, as the bar says. */
  isRested: boolean;
  /** Also the memory of the compiled build, after as many pushes. */
  isCompiledToo: boolean;
  isJson: boolean;
  /** Exit 1 when a bar does not hold. */
  isStrict: boolean;
};

/** @throws for words that are not known */
export function parseOptions(words: string[]): Options {
  const { values } = parseArgs({
    args: words,
    options: {
      runs: { type: 'string', default: '20' },
      rest: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      'no-compiled': { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > 1000) throw new Error('--runs takes a number from 1 to 1000');
  return {
    runs,
    isRested: values.rest,
    isCompiledToo: !values['no-compiled'],
    isJson: values.json,
    isStrict: values.strict,
  };
}
