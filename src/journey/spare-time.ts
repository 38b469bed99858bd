// A change waits longest for the tests that run in its image, and they for that image. While it is made, a check on the machine takes cores that
// it could use; a check that has always ended long before the tests begins when the image is there, later by no more than makes no difference to
// the end of the whole. Style never waits: its word ends the rest.
import type { CheckResult } from '../domain/gate.ts';

/** Of fewer runs nothing usual is known; of more the newest count. */
const runsThatCount = 3;

/** How long earlier runs of the check of this name took, newest first, in milliseconds. */
type Earlier = (name: string) => readonly number[];

/** By so much a check may begin later than the tests are asked for, and would still end before them. 0: not at all. */
export function spareMs(
  { name, kind }: Pick<CheckResult, 'name' | 'kind'>,
  testsInImage: Iterable<string>,
  earlier: Earlier,
): number {
  const names = [...testsInImage];
  if (kind === 'style' || names.length === 0) return 0;
  const [own, ...tests] = [name, ...names].map((one) => earlier(one).slice(0, runsThatCount));
  if ([own!, ...tests].some((runs) => runs.length < runsThatCount)) return 0;
  return Math.max(0, Math.min(...tests.flat()) - Math.max(...own!));
}

/** Resolves when the work is over, whatever becomes of it, when the time is, or when nobody waits any more. */
export async function within(limitMs: number, work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = Promise.withResolvers<void>();
  const end = (): void => over.resolve();
  const timer = setTimeout(end, limitMs);
  signal.addEventListener('abort', end, { once: true });
  work.then(end, end);
  await over.promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
}
