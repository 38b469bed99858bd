// The words of `npm run bench -- journey`.
import { parseArgs } from 'node:util';
import { type Shape, shapes } from './variants.ts';

export type Options = {
  /** Valid runs that are wanted. */
  runs: number;
  /** Wait a minute before memory is read, as the bar says. */
  isRested: boolean;
  /** Also the memory of the compiled build, after as many pushes. */
  isCompiledToo: boolean;
  /** Other shapes of a push, and how often each is measured. */
  shapes: readonly Shape[];
  shapeRuns: number;
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
      shapes: { type: 'string', default: '5' },
      changed: { type: 'string', default: '' },
      files: { type: 'string', default: '' },
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
    ...shapesOf(values),
    isJson: values.json,
    isStrict: values.strict,
  };
}

/** `--changed N` and `--files N` ask for one shape of their own instead of those of the issue. */
function shapesOf(values: { shapes: string; changed: string; files: string }): Pick<Options, 'shapes' | 'shapeRuns'> {
  const [shapeRuns, changed, files] = [Number(values.shapes), Number(values.changed || 1), Number(values.files || 0)];
  const isGood = [shapeRuns, changed, files].every(
    (value) => Number.isInteger(value) && value >= 0 && value <= 100_000,
  );
  if (!isGood || changed < 1) throw new Error('--shapes, --changed and --files take whole numbers');
  const own = values.changed !== '' || values.files !== '';
  return { shapeRuns, shapes: shapeRuns === 0 ? [] : own ? [{ changed, files }] : shapes };
}
