// New public definitions say what they are; the share of all may not fall. Older ones without a docstring never block.
import type { CheckResult } from '../../domain/gate.ts';
import { percent } from '../coverage.ts';
import type { RuleFacts } from './rule.ts';

export function judgeDocstrings(result: CheckResult, { before, rules }: RuleFacts): CheckResult {
  if (result.outcome !== 'passed') return result;
  const { newDefinitions = 0, newDocumented = 0, docstrings } = result.metrics;
  if (newDefinitions > 0 && newDocumented / newDefinitions < rules.docstrings.new)
    return {
      ...result,
      outcome: 'failed',
      summary: `${newDefinitions - newDocumented} of ${newDefinitions} new public definitions have no docstring`,
    };
  const main = before?.metrics.docstrings;
  // Half a point, as for coverage: a documented definition that is removed is no fault.
  if (
    main !== undefined &&
    docstrings !== undefined &&
    docstrings < main - rules.coverage.slackPoints / 100 &&
    newDefinitions > newDocumented
  )
    return {
      ...result,
      outcome: 'failed',
      summary: `${percent(docstrings)} documented, and main has ${percent(main)}`,
    };
  return { ...result, findings: [], findingCount: 0 };
}
