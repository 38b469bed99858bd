// The words that every bench takes, and how numbers among them are read.
import { parseArgs } from 'node:util';
import type { Printing } from './report.ts';

/** For `parseArgs`. */
export const toldOptions = {
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
} as const;

export const toldBy = ({ json, strict }: { json: boolean; strict: boolean }): Printing => ({
  isJson: json,
  isStrict: strict,
});

/** The whole number that `--name` says. @throws for anything else, with what it takes */
export function numberOf(name: string, text: string, { least = 1, most }: { least?: number; most: number }): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} takes a number from ${least} to ${most}`);
  return value;
}

/** A whole number that a bench takes by its name: what it is unless told, and its bounds; the least is 1 unless told. */
type Taken = { usual: number; least?: number; most: number };

/** All the words of a bench that takes nothing but whole numbers, `--install`, and what every bench takes. @throws as `numberOf` */
export function wordsOf<Name extends string>(
  taken: Readonly<Record<Name, Taken>>,
): { numbers: Record<Name, number>; mayInstall: boolean; told: Printing } {
  const names = Object.keys(taken) as Name[];
  const options = names.map((name) => [name, { type: 'string', default: String(taken[name].usual) }] as const);
  const { values } = parseArgs({
    options: { ...Object.fromEntries(options), install: { type: 'boolean', default: false }, ...toldOptions },
  });
  const said = values as Record<string, string | boolean>;
  const numbers = names.map((name) => [name, numberOf(name, String(said[name]), taken[name])]);
  return {
    numbers: Object.fromEntries(numbers) as Record<Name, number>,
    mayInstall: said.install === true,
    told: toldBy({ json: said.json === true, strict: said.strict === true }),
  };
}
