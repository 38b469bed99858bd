// How changes and their verdicts are shown.
import { z } from '@hono/zod-openapi';
import { type Change, changeStates, priorities } from '../../domain/change.ts';
import { type CheckResult, checkKinds, reproduceCommand, type Verdict } from '../../domain/gate.ts';
import { iso, isoOrNull, moment } from '../fields.ts';
import type { ChangeDetail, SourceLines } from '../platform.ts';

const changeFields = {
  id: z.string(),
  appId: z.string(),
  number: z.int(),
  how: z.enum(['push', 'rollback', 'merge', 'image']),
  actor: z.string(),
  branch: z.string(),
  base: z.string().nullable(),
  head: z.string(),
  source: z.string().nullable().openapi({ description: 'The branch that a merge request is about' }),
  priority: z.enum(priorities),
  override: z.string().nullable().openapi({ description: 'Why an admin let it past the checks' }),
  allowsWeaker: z.boolean().openapi({ description: "An admin asked that it may make main's gate weaker" }),
  candidate: z.string().nullable(),
  tree: z.string().nullable(),
  state: z.enum(changeStates),
  reason: z.string().nullable().openapi({ description: 'Why it ended as it did; null while it runs' }),
  releaseId: z.string().nullable(),
  setId: z.string().nullable(),
  isMemoised: z.boolean(),
  moments: z.record(z.string(), z.number()).openapi({ description: 'Milliseconds since the epoch, by name' }),
  createdAt: moment,
  endedAt: moment.nullable(),
};

export const changeView = z.object(changeFields).openapi('Change');

export function presentChange(change: Change): z.infer<typeof changeView> {
  return {
    id: change.id,
    appId: change.appId,
    number: change.number,
    how: change.how,
    actor: change.actor,
    branch: change.branch,
    base: change.base,
    head: change.head,
    source: change.source,
    priority: change.priority,
    override: change.override,
    allowsWeaker: change.allowsWeaker,
    candidate: change.candidate,
    tree: change.tree,
    state: change.state,
    reason: change.reason,
    releaseId: change.releaseId,
    setId: change.setId,
    isMemoised: change.isMemoised,
    moments: { ...change.moments },
    createdAt: iso(change.createdAtMs),
    endedAt: isoOrNull(change.endedAtMs),
  };
}

const findingView = z
  .object({ file: z.string().nullable(), line: z.int().nullable(), rule: z.string(), message: z.string() })
  .openapi('Finding');

const checkView = z
  .object({
    kind: z.enum(checkKinds),
    name: z.string(),
    outcome: z.enum(['passed', 'failed', 'infra', 'skipped']),
    summary: z.string(),
    findings: z.array(findingView),
    findingCount: z.int(),
    metrics: z.record(z.string(), z.number()),
    warnings: z.array(z.string()),
    outputTail: z.array(z.string()),
    flaky: z.array(z.string()).openapi({ description: 'Tests that failed and then, run again, passed' }),
    startedAtMs: z.number(),
    durationMs: z.number(),
    ranIn: z.string().nullable().openapi({ description: 'The image in which it ran; null: on the machine itself' }),
  })
  .openapi('Check');

export const verdictView = z
  .object({ outcome: z.enum(['passed', 'rejected']), checks: z.array(checkView), reason: z.string().nullable() })
  .openapi('Verdict');

const sourceView = z
  .object({
    file: z.string(),
    line: z.int(),
    from: z.int().openapi({ description: 'The number of the first of `lines`' }),
    lines: z.array(z.string()),
  })
  .openapi('SourceLines');

export const changeDetailView = z
  .object({
    ...changeFields,
    verdict: verdictView.nullable(),
    reproduce: z.string().nullable().openapi({ description: 'The command that shows the first failed check again' }),
    excerpts: z
      .array(sourceView)
      .nullable()
      .openapi({ description: 'The lines around findings of what failed; null: they were not asked for' }),
  })
  .openapi('ChangeDetail');

/** @param excerpts null: they were not asked for */
export function presentChangeDetail(
  change: ChangeDetail,
  excerpts: readonly SourceLines[] | null,
): z.infer<typeof changeDetailView> {
  const failed = change.verdict?.checks.find(({ outcome }) => outcome === 'failed');
  return {
    ...presentChange(change),
    verdict: change.verdict && presentVerdict(change.verdict),
    reproduce: failed ? reproduceCommand(failed) : null,
    excerpts:
      excerpts === null
        ? null
        : excerpts.map(({ file, line, from, lines }) => ({ file, line, from, lines: [...lines] })),
  };
}

export function presentVerdict({ outcome, checks, reason }: Verdict): z.infer<typeof verdictView> {
  return { outcome, checks: checks.map(presentCheck), reason };
}

function presentCheck(check: CheckResult): z.infer<typeof checkView> {
  return {
    kind: check.kind,
    name: check.name,
    outcome: check.outcome,
    summary: check.summary,
    findings: check.findings.map(({ file, line, rule, message }) => ({ file, line, rule, message })),
    findingCount: check.findingCount,
    metrics: { ...check.metrics },
    warnings: [...check.warnings],
    outputTail: [...check.outputTail],
    flaky: [...(check.flaky ?? [])],
    startedAtMs: check.startedAtMs,
    durationMs: check.durationMs,
    ranIn: check.ranIn ?? null,
  };
}
