// The words of `npm run bench -- journey`.
import { parseArgs } from 'node:util';
import type { Printing } from '../support/report.ts';
import { numberOf, toldBy, toldOptions } from '../support/words.ts';
import { type Shape, shapes } from './variants.ts';

export type Options = Printing & {
  /** Valid runs that are wanted. */
  runs: number;
  /** Wait a minute before memory is read, as the bar says. */
  isRested: boolean;
  /** Also the memory of the compiled build, after as many pushes. */
  isCompiledToo: boolean;
  /** Other shapes of a push, and how often each is measured. */
  shapes: readonly Shape[];
  shapeRuns: number;
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
      ...toldOptions,
      'no-compiled': { type: 'boolean', default: false },
    },
  });
  return {
    runs: numberOf('runs', values.runs, { most: 1000 }),
    isRested: values.rest,
    isCompiledToo: !values['no-compiled'],
    ...shapesOf(values),
    ...toldBy(values),
  };
}

/** `--changed N` and `--files N` ask for one shape of their own instead of those of the issue. */
function shapesOf(values: { shapes: string; changed: string; files: string }): Pick<Options, 'shapes' | 'shapeRuns'> {
  const shapeRuns = numberOf('shapes', values.shapes, { least: 0, most: 1000 });
  const changed = numberOf('changed', values.changed || '1', { most: 100_000 });
  const files = numberOf('files', values.files || '0', { least: 0, most: 100_000 });
  const own = values.changed !== '' || values.files !== '';
  return { shapeRuns, shapes: shapeRuns === 0 ? [] : own ? [{ changed, files }] : shapes };
}
