// How the answer of a dry run is shown.
import { z } from '@hono/zod-openapi';
import type { MergeCheck } from '../platform.ts';
import { presentVerdict, verdictView } from './change.ts';

export const mergeCheckView = z
  .object({
    mergeable: z.enum(['yes', 'no', 'unknown']),
    head: z.string(),
    base: z.string().nullable().openapi({ description: 'main, as it was merged with' }),
    reason: z.string().nullable(),
    conflicts: z.array(z.string()).openapi({ description: 'Files' }),
    verdict: verdictView.nullable(),
  })
  .openapi('MergeCheck');

export function presentMergeCheck(check: MergeCheck): z.infer<typeof mergeCheckView> {
  const { mergeable, head, base, reason, conflicts, verdict } = check;
  return { mergeable, head, base, reason, conflicts: [...conflicts], verdict: verdict && presentVerdict(verdict) };
}
