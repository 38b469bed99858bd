// Control while its store cannot be opened. It stays on its socket and answers every request with the reason and what to do,
// so that `status`, `doctor`, git and the API say it from anywhere; agent and router go on without it. It tries again by
// itself: often where the trouble may pass (a full disk, another program), rarely for a database that is damaged or too
// new, and at once when somebody has put another file in its place.
import { statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { problemType, toProblem } from '../api/problem.ts';
import { isFailure, type LockstepError } from '../domain/errors.ts';

const lookMs = 500;
const longestPauseMs = { passing: 5000, lasting: 60_000 } as const;

export type StandBy = {
  /** The file whose change is a reason to try at once. */
  file: string;
  /** Told of each new reason; the first time there is nobody on the socket yet. */
  refused(reason: LockstepError): Promise<void>;
  signal: AbortSignal;
};

/** What `open` gives, as soon as it gives it. Rejects with errors that have no place in the registry, and with the signal's reason. */
export async function openSurely<T>(open: () => T, standBy: StandBy): Promise<T> {
  let said = '';
  for (let pauseMs = lookMs; ; pauseMs *= 2) {
    const before = signatureOf(standBy.file);
    try {
      return open();
    } catch (error) {
      if (!isFailure(error, 'bad-database', 'busy', 'disk-full', 'disk-failed')) throw error;
      if (error.message !== said) await standBy.refused(error);
      said = error.message;
      pauseMs = Math.min(pauseMs, longestPauseMs[error.code === 'bad-database' ? 'lasting' : 'passing']);
    }
    for (let waitedMs = 0; waitedMs < pauseMs && signatureOf(standBy.file) === before; waitedMs += lookMs)
      await sleep(lookMs, undefined, { signal: standBy.signal });
  }
}

const signatureOf = (file: string): string => {
  const found = statSync(file, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : '';
};

/** One answer for every request: the problem, as git shows it or as the API has it. */
export function answerRefused(reason: LockstepError, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  if (/^\/[^/?]+\.git\//.test(request.url ?? '')) {
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '10' });
    response.end(`${reason.code}: ${reason.message}. ${reason.advice ?? ''}\n`);
    return;
  }
  const problem = toProblem(reason, { error: () => {} });
  response.writeHead(503, { 'content-type': problemType, 'retry-after': '10' });
  response.end(`${JSON.stringify({ ...problem, status: 503 })}\n`);
}
