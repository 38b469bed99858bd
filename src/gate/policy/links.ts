// Links that main has not broken already. A link breaks where it leads as well as where it stands, so a broken one is known by
// its page and its words, not by its line; where main's are not all known, by its line.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import type { RuleFacts } from './rule.ts';

export function judgeLinks(result: CheckResult, { changed, before }: RuleFacts): CheckResult {
  if (result.outcome !== 'failed' || changed === null || result.findings.length === 0) return result;
  const identity = ({ file, message }: Finding) => `${file}\0${message}`;
  const isAllKnown = before !== null && before.findingCount <= before.findings.length;
  const known = new Map<string, number>();
  for (const one of before?.findings ?? []) known.set(identity(one), (known.get(identity(one)) ?? 0) + 1);
  const isOnNewLine = ({ file, line }: Finding) =>
    file !== null && line !== null && (changed.get(file)?.has(line) ?? false);
  const fresh = result.findings.filter((one) => {
    const left = known.get(identity(one)) ?? 0;
    if (left > 0) known.set(identity(one), left - 1);
    return left === 0 && (isAllKnown || isOnNewLine(one));
  });
  if (fresh.length > 0) {
    const summary = `${fresh.length} broken ${fresh.length === 1 ? 'link' : 'links'} that main does not have`;
    return { ...result, findings: fresh, findingCount: fresh.length, summary };
  }
  // The findings stay: they are what the next change is measured by.
  return { ...result, outcome: 'passed', summary: `no new broken links (${result.findingCount} older)` };
}
