// Jobs that are started ahead of the change that they are for. Control says after a gate which check will come again, and by
// which id; the agent starts its program, which waits. When the job comes, it is that program's if it is the same work.
import type { JobSpec } from './job.ts';

/** How long a program waits for its job, in milliseconds; then it is ended, and its id is forgotten. */
export const longestAheadMs = 600_000;

/** So many programs may wait for an app: for the checks that its gate waits longest for. */
export const mostAhead = 3;

/** One text for one piece of work: all that decides what a program is, but its id, the tree, and what is told with the tree. */
export function workOf({ id: _id, place: _place, deadlineMs: _deadline, late = {}, ...work }: JobSpec): string {
  const decisive = { ...work, late: Object.keys(late).sort() };
  return JSON.stringify(Object.entries(decisive).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether it may be started ahead at all: only a check, of which nothing but its folder depends on the tree. */
export function mayBeAhead(spec: JobSpec): boolean {
  const { ahead, command, env, kind, identity } = spec;
  const words = 'argv' in command ? [...command.argv, ...Object.values(env)] : ['{tree}'];
  const isBound = words.some((word) => word.includes('{tree}'));
  return ahead !== undefined && kind === 'check' && identity === 'gate' && !isBound;
}
