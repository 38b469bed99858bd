// The checks there are. A new question is a new file and one more line here.
import type { Check, GateFacts } from '../check.ts';
import { pythonStyle } from './python-style.ts';
import { pythonTests } from './python-tests.ts';

/** In the order in which their jobs are asked for: the slowest first. */
export const checks: readonly Check[] = [pythonTests, pythonStyle];

export function checksFor(facts: GateFacts): Check[] {
  return checks.filter((check) => check.applies(facts));
}
