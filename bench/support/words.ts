// The words that every bench takes, and how numbers among them are read.
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
