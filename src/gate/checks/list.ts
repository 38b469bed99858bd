// The checks there are. A new question is a new file and one more line here.
import type { Check, GateFacts } from '../check.ts';
import { pythonStyle } from './python-style.ts';
import { pythonTests } from './python-tests.ts';

export const checks: readonly Check[] = [pythonStyle, pythonTests];

export function checksFor(facts: GateFacts): Check[] {
  return checks.filter((check) => check.applies(facts));
}
