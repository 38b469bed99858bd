// Findings on changed lines count, and the others are main's. One without a place counts unless main is known to have it, one without a line when its
// file was changed. A check that looks at the whole program finds more than changed lines show: a caller that does not fit any
// more, somewhere else. Of such a check every finding counts that main does not have, whatever line it is on.
import type { CheckKind, CheckResult, Finding } from '../../domain/gate.ts';
import { beyond, identitiesOf } from './identities.ts';
import type { RuleFacts } from './rule.ts';

/** Kinds whose checks look at everything each time. */
const wholeKinds: readonly CheckKind[] = ['types', 'docs', 'custom'];

export function judgeNewFindings(result: CheckResult, { changed, rules, before }: RuleFacts): CheckResult {
  if (result.outcome !== 'failed' || changed === null || result.findingCount === 0) return result;
  const isOnNewLine = ({ file, line }: Finding) => {
    if (file === null) return true;
    const lines = changed.get(file);
    return lines !== undefined && (line === null || lines.has(line));
  };
  const isWhole = wholeKinds.includes(result.kind);
  const main = isWhole ? (before?.identities ?? null) : null;
  const findings =
    main === null
      ? result.findings.filter(isOnNewLine)
      : beyond(result.findings, main, (one) => one.file !== null && isOnNewLine(one));
  const old = result.findingCount - findings.length;
  const allowed = result.kind === 'style' ? rules.style.new : 0;
  const said = { findings, findingCount: findings.length };
  const total = before?.metrics.findings;
  // Too many to be told apart: their number may not grow.
  if (isWhole && main === null && findings.length === 0 && total !== undefined && result.findingCount > total)
    return { ...result, summary: `${result.findingCount} findings, and main has ${total}` };
  if (findings.length === 0)
    return { ...result, ...said, outcome: 'passed', summary: `no findings on changed lines (${old} older)` };
  const isElsewhere = findings.some((one) => !isOnNewLine(one));
  const where = isElsewhere ? 'that main does not have' : 'on changed lines';
  const summary = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} ${where}`;
  if (findings.length <= allowed)
    return { ...result, ...said, outcome: 'passed', summary: `${summary}, ${allowed} are let through` };
  return { ...result, ...said, summary };
}

/** What the next change is compared with: kept with the verdict. */
export function measured(result: CheckResult): CheckResult {
  if (!wholeKinds.includes(result.kind) || !['passed', 'failed'].includes(result.outcome)) return result;
  if (result.metrics.testsRun !== undefined) return result;
  const isAll = result.findings.length >= result.findingCount;
  const identities = isAll ? identitiesOf(result.findings) : null;
  const metrics = { ...result.metrics, findings: result.findingCount };
  return { ...result, metrics, ...(identities === null ? {} : { identities }) };
}
