// How a command ends badly: what is wrong and what to do, on stderr for people, and as one JSON object on stdout when JSON was
// asked for. The exit code comes from the one registry. A stack trace is never shown.
import { errorRegistry, fail, isFailure, type LockstepError } from '../../domain/errors.ts';
import type { Io } from '../io.ts';
import { makePaint } from './paint.ts';
import { safeLine } from './text.ts';

/** Tells of the failure and returns the exit code. */
export function showFailure(error: unknown, io: Io, isJson: boolean): number {
  const failure = knownFailure(error);
  const paint = makePaint(io.isErrTty, io.env);
  const [first = '', ...more] = failure.message.split('\n').map(safeLine);
  const lines = [` ${paint.red('!')}     ${first}`, ...more.map((line) => `       ${line}`)];
  if (failure.advice) lines.push(`       ${paint.dim(safeLine(failure.advice))}`);
  io.err(`${lines.join('\n')}\n`);
  if (isJson) {
    const { code, message, advice } = failure;
    io.out(`${JSON.stringify({ error: { code, message, advice } })}\n`);
  }
  return errorRegistry[failure.code].exit;
}

function knownFailure(error: unknown): LockstepError {
  if (isFailure(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return fail('internal', `an error of the command line itself: ${message}`, {
    advice: 'Try again; if it stays, report it with the command that you typed.',
  });
}
