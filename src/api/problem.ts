// Errors as RFC 9457 problems: the registry gives status and title, the error its detail, advice and safe details. What
// is not in the registry becomes `internal` with a short id; its details go to the log only.
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { errorRegistry, isFailure, type LockstepError } from '../domain/errors.ts';

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
export function toProblem(error: unknown, log: Log, about: Record<string, unknown> = {}): Problem {
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
export function problemHeaders(status: number): Record<string, string> {
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
