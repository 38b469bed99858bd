// `lockstep events`: the ledger, who did what and when; oldest first, with -f also what comes.
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

type EventView = { seq: number; type: string; actor: string; at: string; data: Record<string, unknown> };

/** Prints the app's events after `--after` (with -f until Ctrl-C); `--all-apps` those of every app. */
export async function events(session: Session): Promise<number> {
  const after = session.number('after', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const path = session.has('all-apps') ? '/api/v1/events' : `/api/v1/apps/${await session.app()}/events`;
  const api = await session.api();
  const show = (event: EventView) => (session.isJson ? session.printJson(event) : session.print(eventText(event)));
  if (!session.has('follow')) {
    const items = await api.list<EventView>(`${path}?cursor=${after}`, session.number('n', 1, 100_000) ?? 1_000);
    items.forEach(show);
    return 0;
  }
  const { reconnecting } = await import('../server/reconnect.ts');
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  let last = after;
  try {
    const stream = reconnecting({
      open: (onOpen) => api.stream(`${path}?follow=true&after=${last}`, { signal: stop.signal, onOpen }),
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

/** One line: number, time, what, who, and the facts. */
function eventText({ seq, at, type, actor, data }: EventView): string {
  const facts = Object.keys(data).length === 0 ? '' : ` ${JSON.stringify(data)}`;
  return safeLine(`${seq} ${at} ${type} ${actor}${facts}`);
}
