// The small shapes that lockstep.yml is made of: sizes, times, shares, paths, one line of text. Each says in its own words
// what it wants, and carries a description, from which the JSON Schema for editors is made.
import { z } from 'zod';

/**
 * A size is a whole number and a unit: K, M or G, alone or as KB, KiB, Ki and so on. All spellings of a unit mean the same
 * power of 1024, so that nobody gets less than they read. A bare number, a fraction and small
 * letters (`512m` is a thousandth elsewhere) are refused.
 */
const sizeUnits: Record<string, number> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

export function size(least: number, most: number, example: string) {
  return z
    .string(`must be a size like ${example}`)
    .meta({ pattern: '^\\d{1,9} ?[KMG](iB?|B)?$', examples: [example] })
    .transform((text, context) => {
      const match = /^(\d{1,9}) ?([KMG])(?:iB?|B)?$/.exec(text);
      const bytes = match === null ? Number.NaN : Number(match[1]) * sizeUnits[match[2]!]!;
      if (bytes >= least && bytes <= most) return bytes;
      context.addIssue({
        code: 'custom',
        message: `must be a size like ${example}, from ${least / 2 ** 20}M to ${most / 2 ** 30}G`,
      });
      return z.NEVER;
    });
}

export const seconds = z
  .union(
    [
      z
        .number()
        .positive()
        .max(600)
        .transform((value) => Math.max(1, Math.round(value * 1000))),
      z
        .string()
        .regex(/^[1-9]\d{0,2}s$/)
        .transform((value) => Number.parseInt(value, 10) * 1000),
    ],
    'must be a time in seconds, like 60 or 60s, at most 600',
  )
  .refine((value) => value <= 600_000, 'must be at most 600 seconds');

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `15m`, `1h`, as milliseconds. A bare number is refused: of what? */
export function duration(leastMs: number, mostMs: number, example: string) {
  const wanted = `must be a time like ${example}, from ${leastMs / 1000}s to ${mostMs / 60_000}m`;
  return z
    .string(wanted)
    .meta({ pattern: '^[1-9]\\d{0,4}(s|m|h)$', examples: [example] })
    .transform((text, context) => {
      const match = /^([1-9]\d{0,4})([smh])$/.exec(text);
      const ms = match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]!]!;
      if (ms >= leastMs && ms <= mostMs) return ms;
      context.addIssue({ code: 'custom', message: wanted });
      return z.NEVER;
    });
}

/** `80%`, as a share from 0 to 1. A bare number is refused: 1 may be one per cent or all. */
export const percent = z
  .string('must be a percentage like 80%')
  .meta({ pattern: '^(100|\\d{1,2})(\\.\\d{1,2})?%$', examples: ['80%'] })
  .transform((text, context) => {
    const match = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text);
    const value = match === null ? Number.NaN : Number(match[1]);
    if (value <= 100) return value / 100;
    context.addIssue({ code: 'custom', message: 'must be a percentage like 80%, at most 100%' });
    return z.NEVER;
  });

/** `0.5pp`, as a number of percentage points. */
export const points = z
  .string('must be percentage points like 0.5pp')
  .meta({ pattern: '^\\d{1,2}(\\.\\d{1,2})?pp$', examples: ['0.5pp'] })
  .transform((text, context) => {
    const match = /^(\d{1,2}(?:\.\d{1,2})?)pp$/.exec(text);
    if (match !== null) return Number(match[1]);
    context.addIssue({ code: 'custom', message: 'must be percentage points like 0.5pp' });
    return z.NEVER;
  });

export const line = z
  .string('must be one line of text')
  .trim()
  .min(1, 'must not be empty')
  .regex(/^[^\0\r\n]*$/, 'must be one line');

export const urlPath = z
  .string('must be a path that begins with /')
  .regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that begins with /');

/** A path within the tree, normalised. */
export function pathWithin(what: string, example: string) {
  return z.string(`must be a path within ${what}`).transform((text, context) => {
    const parts = text.split('/').filter((part) => part !== '' && part !== '.');
    const inside = !text.startsWith('/') && parts.length > 0 && !parts.includes('..') && parts[0] !== '.git';
    if (inside && text.length <= 200 && /^[\w./@+ -]+$/.test(text) && !text.startsWith('-')) return parts.join('/');
    context.addIssue({ code: 'custom', message: `must be a path within ${what}, like ${example}` });
    return z.NEVER;
  });
}

/** The keys that an object at this path may have, read off the shape itself; none when it is a map of free names. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  const [first, ...rest] = path;
  return [
    ...new Set(
      objectsIn(schema).flatMap((shape) => {
        if (first === undefined) return Object.keys(shape);
        const inner = Object.hasOwn(shape, String(first)) ? shape[String(first)] : shape['*'];
        return inner === undefined ? [] : keysAt(inner, rest);
      }),
    ),
  ].filter((key) => key !== '*');
}

/** The shapes of the objects that a value may be; a map of free names is `*`. */
function objectsIn(schema: z.ZodType): Record<string, z.ZodType>[] {
  if (schema instanceof z.ZodObject) return [schema.shape as Record<string, z.ZodType>];
  if (schema instanceof z.ZodOptional) return objectsIn(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((one) => objectsIn(one as z.ZodType));
  if (schema instanceof z.ZodRecord) return [{ '*': schema.valueType as z.ZodType }];
  if (schema instanceof z.ZodPipe) return objectsIn(schema.in as z.ZodType);
  return [];
}
