// Coverage as an answer of its own: how much of the whole was run, and which of the new lines were not. The tool only
// measures; what is enough is the policy's business, so a tool's own threshold never decides.
import type { CheckResult, Finding } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import type { ChangedLines } from './changed-lines.ts';
import { toResult } from './check.ts';
import { type Coverage, coverageOf } from './reports/lcov.ts';

/** Metrics of a `coverage` result: shares are 0..1, lines are executable lines. */
export type CoverageMetrics = {
  coverageLines: number;
  linesFound: number;
  /** Executable lines among the new ones; absent at the first push. */
  patchFound?: number;
  patchHit?: number;
};

export const withoutFiles = ({ files }: Coverage, isLeftOut: (file: string) => boolean): Coverage =>
  coverageOf(new Map([...files].filter(([file]) => !isLeftOut(file))));

/**
 * The result of the check `coverage`: passed with its figures, each run of new lines that no test ran as a finding, which
 * the policy weighs. null: nothing executable was measured.
 */
export function coverageResult(
  coverage: Coverage,
  changed: ChangedLines | null,
  job: JobResult,
  isMeasured: (file: string) => boolean = () => true,
): CheckResult | null {
  if (coverage.linesFound === 0) return null;
  const share = coverage.linesHit / coverage.linesFound;
  const metrics: CoverageMetrics = { coverageLines: share, linesFound: coverage.linesFound };
  const findings: Finding[] = [];
  if (changed !== null) {
    let found = 0;
    let hit = 0;
    for (const [file, lines] of changed) {
      const measured = coverage.files.get(file);
      if (measured === undefined || !isMeasured(file)) continue;
      const missed: number[] = [];
      for (const line of lines) {
        const hits = measured.get(line);
        if (hits === undefined) continue;
        found += 1;
        if (hits > 0) hit += 1;
        else missed.push(line);
      }
      for (const { from, to } of runsOf(missed))
        findings.push({
          file,
          line: from,
          rule: 'not covered',
          message: from === to ? 'no test runs this line' : `no test runs lines ${from}-${to}`,
        });
    }
    metrics.patchFound = found;
    metrics.patchHit = hit;
  }
  return toResult({ kind: 'coverage', name: 'coverage' }, job, {
    outcome: 'passed',
    summary: `${percent(share)} of ${coverage.linesFound} lines`,
    findings,
    metrics: { ...metrics },
  });
}

/** "91.2%", rounded down: what is not reached is not shown as reached. */
export function percent(share: number): string {
  const tenths = Math.floor(share * 1000 + 1e-9) / 10;
  return `${tenths}%`;
}

/** Lines that follow one another as ranges. */
function runsOf(lines: readonly number[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (const line of [...lines].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && line === last.to + 1) last.to = line;
    else runs.push({ from: line, to: line });
  }
  return runs;
}
