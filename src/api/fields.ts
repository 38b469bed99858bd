// The fields that requests are made of, parsed to the domain's own types. Used by every route, so that a limit or a flag
// means the same everywhere.
import { z } from '@hono/zod-openapi';
import { fail, isFailure } from '../domain/errors.ts';
import type { Brand } from '../domain/ids.ts';
import { type IdPrefix, parseId } from '../domain/ids.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { parseAppName, parseBranch } from '../domain/names.ts';

export const noQuery = z.strictObject({});
export const noBody = z.strictObject({});

/** `true` or `false`; absent is false. */
export const flag = z
  .enum(['true', 'false'])
  .optional()
  .transform((value) => value === 'true')
  .openapi({ type: 'boolean', default: false });

/** A whole number in decimal digits, as it stands in a query. */
export function wholeNumber(options: { least: number; most: number; preset: number; description: string }) {
  const { least, most, preset, description } = options;
  return z
    .string()
    .optional()
    .transform((text, context) => {
      const value = text === undefined ? preset : Number(text);
      if (text === undefined || (/^\d{1,16}$/.test(text) && value >= least && value <= most)) return value;
      context.addIssue({ code: 'custom', message: `is not a whole number from ${least} to ${most}` });
      return z.NEVER;
    })
    .openapi({ type: 'integer', minimum: least, maximum: most, default: preset, description });
}

/** What every list takes. */
export const pageQuery = {
  cursor: z.string().min(1).max(600).optional().openapi({ description: 'The `next` of the page before' }),
  limit: wholeNumber({ least: 1, most: 200, preset: 50, description: 'The most items of one page' }),
};

/** Text that one of the domain's parsers takes; its error keeps code and advice. */
export function parsedBy<T>(parse: (text: string) => T, description: string, example: string) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!isFailure(error)) throw error;
        context.addIssue({
          code: 'custom',
          message: error.message,
          params: { code: error.code, advice: error.advice },
        });
        return z.NEVER;
      }
    })
    .openapi({ type: 'string', description, example });
}

export const appName = parsedBy(parseAppName, "An app's name", 'blog');
export const branchName = parsedBy(parseBranch, "A branch's short name", 'main');

export const imageReference = parsedBy(parseImageReference, 'An image of a registry', 'ghcr.io/team/web:latest');

/** An id in a path; one that is not of the form is not there. @throws not-found */
export function idInPath<P extends IdPrefix>(prefix: P, text: string, what: string): Brand<P> {
  const id = parseId(prefix, text);
  if (id === null)
    throw fail('not-found', `there is no such ${what}`, { advice: `List what there is and use its id.` });
  return id;
}

/** The schema of an id in a path, for the document. */
export function idParam(prefix: IdPrefix) {
  return z.string().openapi({ example: `${prefix}_01JD5Z7Q0G9V1M8XK3T2R4W6YB` });
}

/** A moment as ISO 8601 in UTC. */
export const moment = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' });

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

/** A page of a list. */
export function listOf(schema: z.ZodType) {
  return z.object({ items: z.array(schema), next: z.string().nullable() });
}
