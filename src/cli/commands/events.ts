// `lockstep events`: the ledger, who did what and when; oldest first, with -f also what comes.
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

type EventView = { seq: number; type: string; actor: string; at?: string; atMs?: number; data?: unknown };

/** Prints the app's events after `--after` (with -f until Ctrl-C); `--all-apps` those of every app. */
export async function events(session: Session): Promise<number> {
  const after = session.number('after', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const path = session.has('all-apps') ? '/api/v1/events' : `/api/v1/apps/${await session.app()}/events`;
  const api = await session.api();
  const show = (event: EventView) => (session.isJson ? session.printJson(event) : session.print(eventText(event)));
  if (!session.has('follow')) {
    const items = await api.list<EventView>(`${path}?after=${after}`, session.number('n', 1, 100_000) ?? 1_000);
    items.forEach(show);
    return 0;
  }
  const { reconnecting } = await import('../server/reconnect.ts');
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  let last = after;
  try {
    const stream = reconnecting({
      open: () => api.stream(`${path}?follow=true&after=${last}`, { signal: stop.signal }),
      isLast: () => false,
      signal: stop.signal,
      patienceMs: null,
      note: session.note,
    });
    for await (const message of stream) {
      const event = JSON.parse(message.data) as EventView;
      if (event.seq <= last) continue;
      last = event.seq;
      show(event);
    }
    return 0;
  } finally {
    forget();
  }
}

/** One line: number, time, what, who. */
export function eventText(event: EventView): string {
  const at = event.at ?? new Date(event.atMs ?? 0).toISOString();
  const data = event.data === undefined ? '' : ` ${JSON.stringify(event.data)}`;
  return safeLine(`${event.seq} ${at} ${event.type} ${event.actor}${data}`);
}
