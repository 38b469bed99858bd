// Steps whose result is not of the commit are done anew in each build. Each gets an argument before it that was never there: what the builder
// remembers of such a step, and of whatever follows on it, fits no more. What stands before it stays remembered; and a build of another stage of
// the same text has the very result that the first one got.

const name = 'LOCKSTEP_STEP';

/** @param lines where the steps begin, from 1 @param nonce letters, digits and `-`, another one for each image */
export function withFreshSteps(text: string, lines: readonly number[], nonce: string): string {
  const steps = new Set(lines);
  return text
    .split('\n')
    .flatMap((line, at) => (steps.has(at + 1) ? [`ARG ${name}=${nonce}`, line] : [line]))
    .join('\n');
}
