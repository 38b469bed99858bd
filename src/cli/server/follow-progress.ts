// Follows long work (a change, a release) to its end: its lines as they come, then how it ended. After a broken connection
// the lines come from the beginning again, and those already shown are left out.
import { fail } from '../../domain/errors.ts';
import type { Api } from './api.ts';
import { reconnecting } from './reconnect.ts';

/** What the server answers to a request that began long work. */
export type Started = { kind: 'change' | 'release'; id: string; progress: string };

export type End = { ok: boolean; state: string; reason: string | null; version: number | null; durationMs: number };

/** @throws cancelled, router-away after a minute without a connection */
export async function followProgress(
  api: Api,
  started: Started,
  options: { signal: AbortSignal; onLine: (line: string) => void; note: (line: string) => void },
): Promise<End> {
  let shown = 0;
  let position = 0;
  const events = reconnecting({
    open: (onOpen) => {
      position = 0;
      return api.stream(started.progress, { signal: options.signal, onOpen });
    },
    isLast: (event) => event.type === 'end',
    signal: options.signal,
    patienceMs: 60_000,
    note: options.note,
  });
  for await (const event of events) {
    if (event.type === 'end') return JSON.parse(event.data) as End;
    if (event.type !== 'line') continue;
    position += 1;
    if (position <= shown) continue;
    shown = position;
    options.onLine((JSON.parse(event.data) as { line: string }).line);
  }
  throw fail('cancelled', 'no longer followed; the work goes on at the server', { advice: 'See: lockstep status' });
}
