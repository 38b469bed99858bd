// What a rule of the policy is: from a result and what it is compared with to the result that counts.
import type { CheckResult } from '../../domain/gate.ts';
import type { GateRules } from '../../domain/gate-rules.ts';
import type { ChangedLines } from '../changed-lines.ts';

/** What a rule decides from: what the same check said of main is null when main was not asked that. */
export type RuleFacts = {
  changed: ChangedLines | null;
  hasEverRunTests: boolean;
  before: CheckResult | null;
  /** What all checks said of main; null: it is not known. */
  main: readonly CheckResult[] | null;
  rules: GateRules;
};

export type Rule = (result: CheckResult, facts: RuleFacts) => CheckResult;
