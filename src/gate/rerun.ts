// Failed tests run once more, by themselves: who fails and then passes is flaky, which is said and counted and blocks nobody; who
// fails twice has failed. Proven is only what ran again: fewer tests than failed prove nothing. So many failures are no accident,
// and are not run again.
import type { CheckResult, Finding } from '../domain/gate.ts';

const mostRerun = 50;

export function isWorthRerun(result: CheckResult): boolean {
  const failed = result.metrics.testsFailed ?? 0;
  return (
    result.kind === 'tests' &&
    result.outcome === 'failed' &&
    failed > 0 &&
    failed <= mostRerun &&
    result.findings.length === failed
  );
}

/** What the two runs say together. */
export function withRerun(first: CheckResult, second: CheckResult): CheckResult {
  const failed = first.metrics.testsFailed ?? 0;
  const hasEnded = second.outcome === 'passed' || (second.outcome === 'failed' && second.findings.length > 0);
  if (!hasEnded || (second.metrics.testsRun ?? 0) < failed) return first;
  const again = new Set(second.findings.map(testOf));
  const flaky = first.findings.map(testOf).filter((test) => !again.has(test));
  if (flaky.length === 0) return first;
  const durationMs = first.durationMs + second.durationMs;
  const warnings = [...first.warnings, ...flaky.map((test) => `${test} failed, and passed when it ran again: flaky`)];
  const common = { ...first, flaky, durationMs, warnings };
  const run = first.metrics.testsRun ?? 0;
  if (second.outcome === 'failed') {
    const { findings } = second;
    const metrics = { ...first.metrics, testsFailed: findings.length, testsFlaky: flaky.length };
    const summary = `${findings.length} of ${run} tests failed, twice`;
    return { ...common, findings, findingCount: findings.length, metrics, summary };
  }
  return {
    ...common,
    outcome: 'passed',
    summary: `${run} ${run === 1 ? 'test' : 'tests'}, ${flaky.length} flaky`,
    findings: [],
    findingCount: 0,
    metrics: { ...first.metrics, testsFailed: 0, testsFlaky: flaky.length },
    outputTail: [],
  };
}

/** One test, by the file that it stands in and its name. */
export function testOf({ file, rule }: Finding): string {
  return file === null ? rule : `${file}::${rule}`;
}
