// The checks that a repository is asked: those that Lockstep has, less the ones it turned off, with its own commands in the
// place of those it replaced, and its own checks after them.
import type { CheckKind, CheckResult } from '../domain/gate.ts';
import { type BuiltInCheck, builtInChecks, type GateSettings } from '../domain/gate-settings.ts';
import type { Check } from './check.ts';
import { commandCheck } from './checks/command.ts';
import { checks as all } from './checks/list.ts';

/** Under which name people turn a check, or an answer of one, on and off; null: under none. */
export function settingOf({ kind, name }: Pick<Check, 'kind' | 'name'>): BuiltInCheck | null {
  const names: readonly string[] = builtInChecks;
  const plain = name.replace(/ \(.*\)$/, '');
  if (names.includes(plain)) return plain as BuiltInCheck;
  return names.includes(kind) ? (kind as BuiltInCheck) : null;
}

const kindOf = (name: BuiltInCheck): CheckKind => (name === 'format' ? 'style' : name);

export function configuredChecks(
  { builtIn, custom }: Pick<GateSettings, 'builtIn' | 'custom'>,
  checks: readonly Check[] = all,
): Check[] {
  const isOurs = (one: Pick<Check, 'kind' | 'name'>): boolean => {
    const setting = settingOf(one);
    return setting === null || builtIn[setting] === undefined;
  };
  const answers = (results: CheckResult | readonly CheckResult[]): readonly CheckResult[] =>
    ('kind' in results ? [results] : results).filter((result, index) => index === 0 || isOurs(result));
  const ours = checks
    .filter(isOurs)
    .map((check): Check => ({ ...check, judge: (facts, job) => answers(check.judge(facts, job)) }));
  const replaced = builtInChecks.flatMap((name) => {
    const own = builtIn[name];
    return own === undefined || own === 'off' ? [] : [commandCheck(kindOf(name), name, own)];
  });
  const additional = Object.entries(custom).map(([name, own]) => commandCheck('custom', name, own));
  return [...ours, ...replaced, ...additional];
}
