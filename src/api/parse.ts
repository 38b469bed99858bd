// Path, query and body against the route's schemas, all at once: the answer to a bad request lists every problem with
// its path, not the first. A problem that the domain's own parser found keeps that parser's code and advice.
import type { z } from '@hono/zod-openapi';
import { type ErrorCode, errorRegistry, fail, type LockstepError } from '../domain/errors.ts';
import { printableLine } from './body.ts';
import type { Route } from './route.ts';

/** More are counted and not listed. */
const problemLimit = 50;

type Part = 'path' | 'query' | 'body';
type Found = { path: string; message: string; code: ErrorCode | null; advice: string | null };

export type Parsed = { params: unknown; query: unknown; body: unknown };

/** @throws bad-request, or the code of a domain parser when it is the only one, with `problems` in the details */
export function parseRequest(
  route: Route,
  raw: { params: Record<string, string>; query: Record<string, string[]>; body: unknown },
): Parsed {
  const found: Found[] = [];
  const take = (part: Part, schema: z.ZodType | null, value: unknown): unknown => {
    if (schema === null) return undefined;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    found.push(...result.error.issues.map((issue) => toFound(part, issue)));
    return undefined;
  };
  const { app: _, ...params } = raw.params;
  const repeated = Object.entries(raw.query).filter(([, values]) => values.length > 1);
  for (const [name] of repeated)
    found.push({ path: `query.${printableLine(name)}`, message: 'is given more than once', code: null, advice: null });
  const parsed = {
    params: take('path', route.params, params),
    query: take(
      'query',
      route.query,
      Object.fromEntries(Object.entries(raw.query).map(([name, [value]]) => [name, value])),
    ),
    body: take('body', route.body, raw.body),
  };
  if (found.length > 0) throw toFailure(found);
  return parsed;
}

function toFound(part: Part, issue: z.core.$ZodIssue): Found {
  const params: Record<string, unknown> = (issue.code === 'custom' ? issue.params : undefined) ?? {};
  const code = String(params.code ?? '');
  return {
    path: printableLine([part, ...issue.path.map(String)].join('.')),
    message: printableLine(issue.message),
    code: code in errorRegistry ? (code as ErrorCode) : null,
    advice: typeof params.advice === 'string' ? params.advice : null,
  };
}

function toFailure(found: Found[]): LockstepError {
  const [first] = found;
  const isOneKind = first?.code != null && found.every(({ code }) => code === first.code);
  const problems = found.slice(0, problemLimit).map(({ path, message }) => ({ path, message }));
  const detail = problems
    .slice(0, 5)
    .map(({ path, message }) => `${path}: ${message}`)
    .join('; ');
  const more = found.length > 5 ? ` (and ${found.length - 5} more)` : '';
  return fail(isOneKind ? first.code! : 'bad-request', detail + more, {
    advice: (isOneKind ? first.advice : null) ?? 'See /api/v1/openapi.json for what this address takes.',
    details: { problems },
  });
}
