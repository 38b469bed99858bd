// What a result means for this app: a ratchet on main, absolute rules on new code. Pure.
// First push: findings are recorded and only build and boot block. Afterwards style counts on changed lines; a test that
// fails on main already does not block, another one does; no tests is a warning until main has run some.
import { type CheckResult, type Finding, findingLimit } from '../domain/gate.ts';
import type { ChangedLines } from './changed-lines.ts';

/** Part of the verdict's key: raise it when a rule below changes. */
export const policyVersion = 1;

export type PolicyFacts = {
  /** Against main; null at the first push. */
  changed: ChangedLines | null;
  hasEverRunTests: boolean;
  /** What the checks said of main; null at the first push, or when it is not known. */
  main: readonly CheckResult[] | null;
};

export function applyPolicy(result: CheckResult, facts: PolicyFacts): CheckResult {
  const judged = judge({ ...result, findings: result.findings.map(cutFinding) }, facts);
  return {
    ...judged,
    summary: cut(judged.summary),
    findings: judged.findings.slice(0, findingLimit),
    warnings: judged.warnings.slice(0, findingLimit).map(cut),
    outputTail: judged.outputTail.map(cut),
  };
}

/** A verdict is kept and shown: no text of an app's tools makes it large. */
const textLimit = 1000;
const cut = (text: string): string => (text.length > textLimit ? `${text.slice(0, textLimit - 3)}...` : text);
const cutFinding = (one: Finding): Finding => ({ ...one, rule: cut(one.rule), message: cut(one.message) });

function judge(result: CheckResult, facts: PolicyFacts): CheckResult {
  if (result.outcome === 'infra' || result.outcome === 'skipped') return result;
  if (['policy', 'build', 'boot', 'release'].includes(result.kind)) return result;
  if (result.kind === 'tests' && result.metrics.testsRun === 0 && result.outcome === 'passed') {
    if (facts.hasEverRunTests) return { ...result, outcome: 'failed', summary: 'no tests found, but main has tests' };
    return {
      ...result,
      warnings: [...result.warnings, 'no tests were found: nothing but build and boot proves this app'],
    };
  }
  if (result.outcome === 'passed') return result;
  if (facts.changed === null) {
    const warning = `${result.summary}: recorded as the baseline, a first push is not blocked by it`;
    return { ...result, outcome: 'passed', warnings: [...result.warnings, warning] };
  }
  if (result.kind === 'style' && result.findingCount > 0) return judgeStyle(result, facts.changed);
  if (result.kind === 'tests') return judgeTests(result, facts.main);
  return result;
}

function judgeStyle(result: CheckResult, changed: ChangedLines): CheckResult {
  const counts = ({ file, line }: Finding) => {
    if (file === null) return true;
    const lines = changed.get(file);
    return lines !== undefined && (line === null || lines.has(line));
  };
  const findings = result.findings.filter(counts);
  const old = result.findingCount - findings.length;
  if (findings.length === 0)
    return {
      ...result,
      outcome: 'passed',
      summary: `no findings on changed lines (${old} older)`,
      findings,
      findingCount: 0,
    };
  const summary = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} on changed lines`;
  return { ...result, summary, findings, findingCount: findings.length };
}

function judgeTests(result: CheckResult, main: readonly CheckResult[] | null): CheckResult {
  const before = main?.find((check) => check.kind === 'tests' && check.name === result.name);
  if (!before || result.findings.length === 0 || before.findings.length === 0) return result;
  const known = new Set(before.findings.map(identity));
  const fresh = result.findings.filter((finding) => !known.has(identity(finding)));
  if (fresh.length > 0) return { ...result, findings: fresh, findingCount: fresh.length };
  const warning = `${result.summary}, as on main already`;
  return { ...result, outcome: 'passed', warnings: [...result.warnings, warning] };
}

function identity(finding: Finding): string {
  return `${finding.file}\0${finding.rule}`;
}
