// A check of the repository's own: what counts tests is held to what tests are held to, what has findings in places to new
// ones alone, and all else is taken by its word.
import type { CheckResult } from '../../domain/gate.ts';
import { judgeNewFindings } from './new-findings.ts';
import type { RuleFacts } from './rule.ts';
import { judgeTests } from './tests.ts';

export function judgeCustom(result: CheckResult, facts: RuleFacts): CheckResult {
  if (result.metrics.testsRun !== undefined) return judgeTests(result, { ...facts, hasEverRunTests: false });
  return result.findings.some(({ file }) => file !== null) ? judgeNewFindings(result, facts) : result;
}
