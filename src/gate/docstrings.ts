// Documentation of public definitions as an answer: a tool lists the definitions and says which lack a docstring; new
// ones are held to a share, the share of all only ratchets.
import type { CheckResult, Finding } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import type { ChangedLines } from './changed-lines.ts';
import { toResult } from './check.ts';

/** One public definition: a module, class, function, method, package or exported name. */
export type Definition = { file: string; line: number; name: string; kind: string; isDocumented: boolean };

/**
 * The result of the check `docstrings`: passed with its figures (`docstrings` 0..1, `definitions`, of the new ones
 * `newDefinitions` and `newDocumented`), each new definition that lacks one as a finding. A definition is new when its own
 * line is; a module or a package when its file is: no line of it is the one that lacks the docstring.
 */
export function docstringResult(
  definitions: readonly Definition[],
  changed: ChangedLines | null,
  job: JobResult,
  added?: ReadonlySet<string>,
): CheckResult {
  const documented = definitions.filter((one) => one.isDocumented).length;
  const metrics: Record<string, number> = { definitions: definitions.length };
  if (definitions.length > 0) metrics.docstrings = documented / definitions.length;
  const isWhole = (one: Definition) => one.kind === 'module' || one.kind === 'package';
  const isNew = (one: Definition) =>
    added && isWhole(one) ? added.has(one.file) : (changed?.get(one.file)?.has(one.line) ?? false);
  const fresh = definitions.filter(isNew);
  if (changed !== null) {
    metrics.newDefinitions = fresh.length;
    metrics.newDocumented = fresh.filter((one) => one.isDocumented).length;
  }
  const findings = fresh
    .filter((one) => !one.isDocumented)
    .map(
      (one): Finding => ({
        file: one.file,
        line: one.line,
        rule: 'no docstring',
        message: `${one.kind} ${one.name} is public and new, and says nothing of itself`,
      }),
    );
  return toResult({ kind: 'docstrings', name: 'docstrings' }, job, {
    outcome: 'passed',
    summary: `${documented} of ${definitions.length} public definitions`,
    findings,
    metrics,
  });
}
