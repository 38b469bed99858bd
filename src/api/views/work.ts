// How long work is shown: what was started, how it goes on, and how a job ended.
import { z } from '@hono/zod-openapi';
import type { App } from '../../domain/app.ts';
import type { JobEvent, JobResult } from '../../domain/job.ts';
import type { StreamEvent } from '../answer.ts';
import type { Progress, Started } from '../platform.ts';

export const startedView = z
  .object({
    kind: z.enum(['change', 'release']),
    id: z.string(),
    progress: z.string().openapi({ description: 'Where to follow it', example: '/api/v1/apps/blog/progress/chg_01…' }),
  })
  .openapi('Started');
export type StartedView = z.infer<typeof startedView>;

export function presentStarted(app: App, { kind, id }: Started): StartedView {
  return { kind, id, progress: `/api/v1/apps/${app.name}/progress/${id}` };
}

export const lineView = z.object({ line: z.string() }).openapi('Line');

export const endView = z
  .object({
    ok: z.boolean(),
    state: z.string(),
    reason: z.string().nullable(),
    version: z.int().nullable(),
    durationMs: z.number(),
  })
  .openapi('ProgressEnd');

export function progressEvent(progress: Progress): StreamEvent {
  if ('line' in progress) return { event: 'line', data: { line: progress.line } };
  const { ok, state, reason, version, durationMs } = progress.end;
  return { event: 'end', data: { ok, state, reason, version, durationMs } satisfies z.infer<typeof endView> };
}

export const jobResultView = z
  .object({
    id: z.string(),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    endedBy: z.enum(['exit', 'deadline', 'cancelled', 'out-of-memory', 'disk-limit', 'lost']),
    outputTail: z.array(z.string()),
    outputBytes: z.number(),
    reports: z.record(z.string(), z.string()),
    startedAtMs: z.number(),
    durationMs: z.number(),
  })
  .openapi('JobResult');

export function jobEvent(event: JobEvent): StreamEvent {
  return 'line' in event
    ? { event: 'line', data: { line: event.line } }
    : { event: 'result', data: presentResult(event.result) };
}

function presentResult(result: JobResult): z.infer<typeof jobResultView> {
  return {
    id: result.id,
    exitCode: result.exitCode,
    signal: result.signal,
    endedBy: result.endedBy,
    outputTail: [...result.outputTail],
    outputBytes: result.outputBytes,
    reports: { ...result.reports },
    startedAtMs: result.startedAtMs,
    durationMs: result.durationMs,
  };
}
