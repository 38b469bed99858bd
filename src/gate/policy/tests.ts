// Tests are absolute, except that one which fails on main already does not block another change. No tests is a warning
// until main has run some; far fewer than main runs is a failure, since a test that is gone proves nothing.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import type { RuleFacts } from './rule.ts';

export function judgeTests(result: CheckResult, facts: RuleFacts): CheckResult {
  const { changed, hasEverRunTests, before, main, rules } = facts;
  const { testsRun } = result.metrics;
  if (testsRun === 0 && result.outcome === 'passed') {
    if (hasEverRunTests && !areElsewhere(before, main))
      return { ...result, outcome: 'failed', summary: 'no tests found, but main has tests' };
    const warning = 'no tests were found: nothing but build and boot proves this app';
    return { ...result, warnings: [...result.warnings, warning] };
  }
  const known = changed === null ? result : withoutKnown(result, before);
  const ran = before?.metrics.testsRun ?? 0;
  if (known.outcome === 'passed' && testsRun === undefined && ran > 0)
    return {
      ...known,
      outcome: 'failed',
      summary: `main runs ${ran} tests, and this command counts none: name its report (gate.checks.tests.report.junit)`,
    };
  const least = Math.ceil(ran * (1 - rules.tests.fewer));
  if (known.outcome === 'passed' && testsRun !== undefined && testsRun < least)
    return {
      ...known,
      outcome: 'failed',
      summary: `${testsRun} tests ran, and main runs ${ran}: at least ${least} must`,
    };
  return known;
}

/** This package has none on main, and the tests that main has are another's. */
const areElsewhere = (before: CheckResult | null, main: readonly CheckResult[] | null): boolean =>
  before?.metrics.testsRun === 0 &&
  (main ?? []).some(
    ({ kind, name, metrics }) => kind === 'tests' && name !== before.name && (metrics.testsRun ?? 0) > 0,
  );

function withoutKnown(result: CheckResult, before: CheckResult | null): CheckResult {
  if (result.outcome === 'passed' || !before || result.findings.length === 0 || before.findings.length === 0)
    return result;
  const known = new Set(before.findings.map(identity));
  const fresh = result.findings.filter((finding) => !known.has(identity(finding)));
  if (fresh.length > 0) return { ...result, findings: fresh, findingCount: fresh.length };
  return { ...result, outcome: 'passed', warnings: [...result.warnings, `${result.summary}, as on main already`] };
}

function identity(finding: Finding): string {
  return `${finding.file}\0${finding.rule}`;
}
