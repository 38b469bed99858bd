// How a reader says what is wrong with a configuration file: every problem at once, each with its path, the value found
// and a remedy. An unknown key names the nearest known one.

import type { z } from 'zod';
import { fail, type LockstepError } from '../../domain/errors.ts';

/** No configuration file of a repository may be larger. */
export const configMaxBytes = 64 * 1024;

/** The value as a person may see it: JSON, short, control characters escaped. */
export function showValue(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = typeof value;
  }
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The known key nearest to `key`, or null when none is near (more than a third of the letters differ). */
export function nearestKey(key: string, known: readonly string[]): string | null {
  if (key.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.ceil(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const swap = row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, swap));
    }
    row = next;
  }
  return row[right.length]!;
}

/** A problem as one line that steers no terminal: keys and parsers' messages repeat what a stranger wrote. */
function line(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return clean.length > 500 ? `${clean.slice(0, 497)}...` : clean;
}

/** The `bad-config` error for a list of problems in one file. */
export function badConfig(file: string, problems: readonly string[], advice?: string): LockstepError {
  const listed = problems.slice(0, 20).map(line);
  const more = problems.length > 20 ? [`and ${problems.length - 20} more`] : [];
  return fail('bad-config', [...listed, ...more].map((problem) => `${file}: ${problem}`).join('\n'), {
    advice: advice ?? `Mend ${file}, commit and push again.`,
    details: { file, problems: listed },
  });
}

/** Refuses a text that no configuration file has: too large, or with NUL in it. A byte order mark is dropped. */
export function checkedText(file: string, text: string, maxBytes = configMaxBytes): string {
  if (Buffer.byteLength(text) > maxBytes) {
    throw badConfig(file, [`it is ${Buffer.byteLength(text)} bytes; at most ${maxBytes} are read`]);
  }
  if (text.includes('\0')) throw badConfig(file, ['it holds a NUL byte; it must be UTF-8 text']);
  return text.replace(/^\uFEFF/, '');
}

/** The problems of a zod error. `knownAt` lists the keys an object at that path may have; `hidden` leaves values out. */
export function zodProblems(
  error: z.ZodError,
  input: unknown,
  knownAt: (path: readonly PropertyKey[]) => readonly string[],
  hidden = false,
): string[] {
  return error.issues.flatMap(nearestForm).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const known = knownAt(issue.path);
        const near = nearestKey(key, known);
        const at = [...issue.path, key].map(String).join('.');
        const value = hidden ? '' : ` (${showValue(valueAt(input, [...issue.path, key]))})`;
        const remedy = near === null ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`;
        return `${at}${value} is not a known key; ${remedy}`;
      });
    }
    const at = issue.path.length === 0 ? 'the whole file' : issue.path.map(String).join('.');
    return [hidden ? `${at}: ${issue.message}` : `${at}: ${showValue(valueAt(input, issue.path))}: ${issue.message}`];
  });
}

/**
 * Of a value that may have several forms, what is wrong with the one that was meant: the form that is right at its top and
 * wrong further down. When there is none, the forms' own sentence.
 */
function nearestForm(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code === 'invalid_key') return [{ ...issue, message: issue.issues[0]?.message ?? issue.message }];
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find(
    (problems) =>
      problems.length > 0 && problems.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  if (meant === undefined) return [issue];
  return meant.map((one) => ({ ...one, path: [...issue.path, ...one.path] })).flatMap(nearestForm);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
