// Findings on changed lines count, the others are main's. One without a place counts always, one without a line when its
// file was changed.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import type { RuleFacts } from './policy.ts';

export function judgeNewFindings(result: CheckResult, { changed, rules }: RuleFacts): CheckResult {
  if (result.outcome !== 'failed' || changed === null || result.findingCount === 0) return result;
  const counts = ({ file, line }: Finding) => {
    if (file === null) return true;
    const lines = changed.get(file);
    return lines !== undefined && (line === null || lines.has(line));
  };
  const findings = result.findings.filter(counts);
  const old = result.findingCount - findings.length;
  const allowed = result.kind === 'style' ? rules.style.new : 0;
  const said = { findings, findingCount: findings.length };
  if (findings.length === 0)
    return { ...result, ...said, outcome: 'passed', summary: `no findings on changed lines (${old} older)` };
  const summary = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} on changed lines`;
  if (findings.length <= allowed)
    return { ...result, ...said, outcome: 'passed', summary: `${summary}, ${allowed} are let through` };
  return { ...result, ...said, summary };
}
