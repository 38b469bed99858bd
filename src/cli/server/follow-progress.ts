// Follows long work (a change, a release) to its end: its lines as they come, then how it ended.
import { fail } from '../../domain/errors.ts';
import type { Api } from './api.ts';
import { recordStream } from './record-stream.ts';

/** What the server answers to a request that began long work. */
export type Started = { kind: 'change' | 'release'; id: string; progress: string };

export type End = { ok: boolean; state: string; reason: string | null; version: number | null; durationMs: number };

/** @throws cancelled, router-away after a minute without a connection */
export async function followProgress(
  api: Api,
  started: Started,
  options: { signal: AbortSignal; onLine: (line: string) => void; note: (line: string) => void },
): Promise<End> {
  for await (const step of recordStream(api, started.progress, 'end', options)) {
    if ('last' in step) return JSON.parse(step.last) as End;
    options.onLine(step.line);
  }
  throw fail('cancelled', 'no longer followed; the work goes on at the server', { advice: 'See: lockstep status' });
}
