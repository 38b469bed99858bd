// Errors as RFC 9457 problems: the registry gives status and title, the error its detail, advice and safe details. What
// is not in the registry becomes `internal` with a short id; its details go to the log only.
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { diskFailure } from '../domain/disk-failure.ts';
import { errorRegistry, fail, isFailure, type LockstepError } from '../domain/errors.ts';

/** What the door writes to: pino's shape, or a test's. */
export type Log = { error: (fields: Record<string, unknown>, message: string) => void };

export const problemSchema = z
  .looseObject({
    type: z.string().openapi({ example: '/docs/errors#not-found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What is wrong, in this case' }),
    code: z.string().openapi({ description: 'One of a closed list of codes', example: 'not-found' }),
    advice: z.string().nullable().openapi({ description: 'What to do next' }),
    problems: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'Of a request that was not understood: every problem with its place' }),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof problemSchema>;

export const problemType = 'application/problem+json';

/** The problem that a client sees; an unknown error, and whatever is our own fault, is logged with its cause. */
export function toProblem(thrown: unknown, log: Log, about: Record<string, unknown> = {}): Problem {
  const error = storeFailure(thrown) ?? thrown;
  if (isFailure(error)) {
    const problem = fromFailure(error);
    if (problem.status >= 500) log.error({ ...about, code: error.code, err: error, cause: error.cause }, error.message);
    return problem;
  }
  const id = randomBytes(4).toString('hex');
  log.error({ ...about, id, err: error }, 'a request failed in a way that nobody foresaw');
  const { status, title } = errorRegistry.internal;
  return {
    type: '/docs/errors#internal',
    title,
    status,
    detail: `something went wrong inside Lockstep (${id})`,
    code: 'internal',
    advice: `The log of control says more about ${id}.`,
    id,
  };
}

/** What the store says when it cannot: by its code, so that whoever asked knows whether to come back. */
function storeFailure(error: unknown): LockstepError | null {
  const disk = diskFailure(error);
  if (disk) return disk;
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: number };
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return null;
  const primary = errcode & 0xff;
  if (primary === 5 || primary === 6)
    return fail('busy', 'another program holds the database', { advice: 'Try again in a moment.', cause: error });
  if (primary !== 11 && primary !== 26) return null;
  return fail('bad-database', 'the database is damaged', {
    advice: 'Start control again (the log of control says the way back); sites go on being served.',
    cause: error,
  });
}

function fromFailure(error: LockstepError): Problem {
  const { status, title } = errorRegistry[error.code];
  return {
    ...error.details,
    type: `/docs/errors#${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    advice: error.advice,
  };
}

/** Headers that belong to a status: the challenge of a 401, when to come back after a 503. */
function problemHeaders(status: number): Record<string, string> {
  return {
    'content-type': problemType,
    ...(status === 401 ? { 'www-authenticate': 'Bearer, Basic realm="lockstep"' } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  };
}

export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  return new Response(`${JSON.stringify(problem)}\n`, {
    status: problem.status,
    headers: { ...problemHeaders(problem.status), ...headers },
  });
}
