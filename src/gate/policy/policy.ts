// What a result means for this app: a ratchet on main's measured state, absolute rules on new code. Pure.
// First push: findings and figures are recorded as the baseline, and only build and boot block. Afterwards each kind of
// check has its rule, in a file of its own.
import { type CheckKind, type CheckResult, type Finding, findingLimit } from '../../domain/gate.ts';
import { defaultRules, type GateRules } from '../../domain/gate-rules.ts';
import type { ChangedLines } from '../changed-lines.ts';
import { judgeCoverage } from './coverage.ts';
import { judgeCustom } from './custom.ts';
import { judgeDocstrings } from './docstrings.ts';
import { judgeLinks } from './links.ts';
import { judgeNewFindings, measured } from './new-findings.ts';
import type { Rule } from './rule.ts';
import { judgeTests } from './tests.ts';

/** Part of the verdict's key: raise it when a rule changes. */
export const policyVersion = 8;

export type PolicyFacts = {
  /** Against main; null at the first push. */
  changed: ChangedLines | null;
  hasEverRunTests: boolean;
  /** What the checks said of main; null at the first push, or when it is not known. */
  main: readonly CheckResult[] | null;
  /** What the app is held to; left out: the defaults. */
  rules?: GateRules;
};

/** A kind without a rule is taken by its word. */
const rules: Partial<Record<CheckKind, Rule>> = {
  style: judgeNewFindings,
  types: judgeNewFindings,
  tests: judgeTests,
  coverage: judgeCoverage,
  docstrings: judgeDocstrings,
  docs: judgeNewFindings,
  custom: judgeCustom,
  links: judgeLinks,
};
const isAlwaysAbsolute = (kind: CheckKind): boolean => ['policy', 'build', 'boot', 'release'].includes(kind);

export function applyPolicy(result: CheckResult, facts: PolicyFacts): CheckResult {
  const judged = judge(measured({ ...result, findings: result.findings.map(cutFinding) }), facts);
  return {
    ...judged,
    summary: cut(judged.summary),
    findings: judged.findings.slice(0, findingLimit),
    warnings: judged.warnings.slice(0, findingLimit).map(cut),
    outputTail: judged.outputTail.map(cut),
  };
}

/** It failed without a word about a place: it could not do its work (metric `broken`). */
const saysNothing = ({ outcome, findingCount, metrics }: CheckResult): boolean =>
  outcome === 'failed' && findingCount === 0 && metrics.testsRun === undefined;

/** What cannot work here is no change's fault when it could not on main either; and when it could, it is. */
const isAsBrokenAs = (result: CheckResult, before: CheckResult | null): boolean =>
  result.outcome === 'failed' && result.metrics.broken === 1 && before?.metrics.broken === 1;

/** A verdict is kept and shown: no text of an app's tools makes it large. */
const textLimit = 1000;
const cut = (text: string): string => (text.length > textLimit ? `${text.slice(0, textLimit - 3)}...` : text);
const cutFinding = (one: Finding): Finding => ({ ...one, rule: cut(one.rule), message: cut(one.message) });

function judge(given: CheckResult, facts: PolicyFacts): CheckResult {
  if (given.outcome === 'infra' || given.outcome === 'skipped' || isAlwaysAbsolute(given.kind)) return given;
  const before = facts.main?.find((one) => one.kind === given.kind && one.name === given.name) ?? null;
  const result = saysNothing(given) ? { ...given, metrics: { ...given.metrics, broken: 1 } } : given;
  if (isAsBrokenAs(result, before)) {
    const warning = `${result.summary}, as on main already`;
    return { ...result, outcome: 'passed', warnings: [...result.warnings, warning] };
  }
  const rule = rules[result.kind];
  const judged = rule ? rule(result, { ...facts, before, rules: facts.rules ?? defaultRules }) : result;
  if (judged.outcome !== 'failed' || facts.changed !== null) return judged;
  const warning = `${judged.summary}: recorded as the baseline, a first push is not blocked by it`;
  return { ...judged, outcome: 'passed', warnings: [...judged.warnings, warning] };
}
