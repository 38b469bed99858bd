// The closed list of errors. Each door maps a code once: HTTP status, exit code. Whatever is not in the list becomes
// `internal` with a short id, and its details go to the log only. A message says what is wrong; the advice says what to
// do next. Expected outcomes (a rejected gate, a lost race) are values, not errors.

type ErrorEntry = { status: number; exit: number; title: string };

/** Every code, with its HTTP status, the command line's exit code, and its title in an RFC 9457 answer. */
export const errorRegistry = {
  'bad-request': { status: 400, exit: 64, title: 'The request is not of the form that this address takes' },
  'bad-name': { status: 422, exit: 64, title: 'Not an app name' },
  'bad-host': { status: 422, exit: 64, title: 'Not a host name' },
  'bad-ref': { status: 422, exit: 64, title: 'Not a branch or ref name' },
  'bad-env': { status: 422, exit: 64, title: 'Not an environment variable' },
  'bad-image': { status: 422, exit: 64, title: 'Not an image reference' },
  'bad-config': { status: 422, exit: 65, title: 'The configuration in the repository is not valid' },
  unauthenticated: { status: 401, exit: 77, title: 'A token is needed' },
  forbidden: { status: 403, exit: 77, title: 'The token does not have this right' },
  'not-found': { status: 404, exit: 66, title: 'Not found' },
  conflict: { status: 409, exit: 75, title: 'In conflict with the present state' },
  'name-taken': { status: 409, exit: 73, title: 'The name is taken' },
  'idempotency-mismatch': { status: 422, exit: 64, title: 'The idempotency key was used for another request' },
  'too-large': { status: 413, exit: 65, title: 'Larger than the limit' },
  'no-release': { status: 409, exit: 69, title: 'The app has no release yet' },
  unhealthy: { status: 409, exit: 69, title: 'The new instances did not become healthy' },
  'agent-away': { status: 503, exit: 75, title: 'The agent does not answer' },
  'router-away': { status: 503, exit: 75, title: 'The router does not answer' },
  'tree-refused': { status: 422, exit: 65, title: 'The tree holds something that cannot be placed on a server' },
  'no-detector': { status: 422, exit: 65, title: 'No detector knows how to run this tree' },
  'no-interpreter': { status: 422, exit: 69, title: 'The interpreter that the app asks for is not there' },
  'no-engine': { status: 422, exit: 69, title: 'The container engine that the app needs is not there' },
  'engine-away': { status: 503, exit: 75, title: 'The container engine does not answer' },
  'install-failed': { status: 422, exit: 65, title: 'The dependencies could not be installed' },
  'pull-refused': { status: 422, exit: 65, title: 'The registry does not give this image' },
  'registry-away': { status: 503, exit: 75, title: 'The registry does not answer' },
  'home-unreachable': { status: 500, exit: 78, title: 'The home directory cannot be used' },
  'home-in-use': { status: 500, exit: 73, title: 'Another Lockstep uses this home' },
  'port-in-use': { status: 500, exit: 73, title: 'The port is taken' },
  'bad-database': { status: 500, exit: 74, title: 'The database cannot be used' },
  'bad-receipt': { status: 422, exit: 65, title: 'The receipt does not hold' },
  'bad-backup': { status: 422, exit: 65, title: 'The backup cannot be used' },
  'git-failed': { status: 500, exit: 70, title: 'git failed' },
  'disk-full': { status: 507, exit: 74, title: 'The disk is full' },
  'disk-failed': { status: 503, exit: 74, title: 'The disk cannot be written' },
  'timed-out': { status: 504, exit: 75, title: 'It took longer than its limit' },
  busy: { status: 503, exit: 75, title: 'Too much is asked for at once' },
  cancelled: { status: 409, exit: 75, title: 'Cancelled' },
  internal: { status: 500, exit: 70, title: 'An error of Lockstep itself' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;

/** An error that a person can act on. `details` are safe to show; `cause` goes to the log only. */
export class LockstepError extends Error {
  readonly code: ErrorCode;
  readonly advice: string | null;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    more: { advice?: string | null; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'LockstepError';
    this.code = code;
    this.advice = more.advice ?? null;
    this.details = more.details ?? {};
  }
}

/** Builds the error to throw: `throw fail('bad-name', 'what is wrong', { advice: 'what to do' })`. */
export function fail(
  code: ErrorCode,
  message: string,
  more: { advice?: string | null; details?: Record<string, unknown>; cause?: unknown } = {},
): LockstepError {
  return new LockstepError(code, message, more);
}

/** True when `error` is a LockstepError with one of these codes (any code when none is named). */
export function isFailure(error: unknown, ...codes: ErrorCode[]): error is LockstepError {
  return error instanceof LockstepError && (codes.length === 0 || codes.includes(error.code));
}
