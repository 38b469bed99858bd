// Coverage: the whole may not fall below main's by more than the slack, and most of the new lines must be run. A handful of
// lines is not weighed, neither as new ones nor as a fall: one untested line of three is a third, and whoever deletes tested
// code lowers the share without a line less that is run.
import type { CheckResult } from '../../domain/gate.ts';
import { percent } from '../coverage.ts';
import type { RuleFacts } from './rule.ts';

export function judgeCoverage(result: CheckResult, { before, rules }: RuleFacts): CheckResult {
  const { coverageLines, patchFound = 0, patchHit = 0 } = result.metrics;
  if (result.outcome !== 'passed' || coverageLines === undefined) return result;
  const { patch, patchFloor, slackPoints, min } = rules.coverage;
  const fail = (summary: string) => ({
    ...result,
    outcome: 'failed' as const,
    summary,
    findingCount: result.findings.length,
  });
  if (patchFound >= patchFloor && patchHit / patchFound < patch)
    return fail(
      `patch ${percent(patchHit / patchFound)} < ${percent(patch)} (${patchFound - patchHit} of ${patchFound} new lines are not run)`,
    );
  if (min !== null && coverageLines < min) return fail(`${percent(coverageLines)} of the lines < ${percent(min)}`);
  const main = before?.metrics.coverageLines;
  // What a patch at the floor may leave unrun.
  const handful = Math.round((1 - patch) * patchFloor);
  const moreMissed = missedOf(result) - missedOf(before);
  if (main !== undefined && coverageLines < main - slackPoints / 100 && moreMissed > handful)
    return fail(`${percent(coverageLines)} of the lines, and main has ${percent(main)}`);
  return { ...result, findings: [], findingCount: 0 };
}

/** Executable lines that no test runs. */
function missedOf(result: CheckResult | null): number {
  const { coverageLines = 1, linesFound = 0 } = result?.metrics ?? {};
  return Math.round(linesFound * (1 - coverageLines));
}
