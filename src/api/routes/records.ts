// What apps wrote and what was done: log lines and the ledger's events, as lists or as streams.
import { z } from '@hono/zod-openapi';
import type { App, Principal } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { type Answer, ok, type StreamEvent } from '../answer.ts';
import { flag, listOf, wholeNumber } from '../fields.ts';
import type { NumberedEvent, Platform } from '../platform.ts';
import { route } from '../route.ts';
import { eventView, logLineView, presentEvent, presentLogLine } from '../views/record.ts';

/** The most log lines of one answer. */
const lineLimit = 5000;
/** How many events a follower's source may read at once. */
const followBatch = 200;

const sequence = z
  .string()
  .regex(/^\d{1,15}$/, 'is not the number of an event')
  .transform(Number)
  .optional()
  .openapi({ type: 'integer', minimum: 0, description: 'Events after the one with this `seq`' });

const eventsQuery = z.strictObject({
  after: sequence,
  cursor: sequence,
  limit: wholeNumber({ least: 1, most: 200, preset: 50, description: 'The most events of one page' }),
  follow: flag,
});

const eventStream = {
  description: 'Named by the type of each event, with its `seq` as id; send it back as Last-Event-ID to go on',
  data: { event: eventView },
};

export const recordRoutes = [
  route({
    id: 'getLogs',
    method: 'get',
    path: '/api/v1/apps/{app}/logs',
    summary: 'The last lines of the log, and with `follow` whatever comes',
    right: 'read',
    tenancy: 'app',
    query: z.strictObject({
      lines: wholeNumber({ least: 0, most: lineLimit, preset: 100, description: 'How many of the last lines' }),
      follow: flag,
    }),
    answers: { 200: { description: 'The lines', schema: listOf(logLineView) } },
    events: { description: 'One `log` event a line', data: { log: logLineView } },
    errors: ['agent-away'],
    async handle({ principal, app, query, wantsStream, signal }, { platform }) {
      const lines = (until: AbortSignal) =>
        platform.logs(principal, app, { count: query.lines, follow: query.follow }, until);
      if (wantsStream || query.follow)
        return { stream: (until) => mapEach(lines(until), (line) => ({ event: 'log', data: presentLogLine(line) })) };
      const items = (await collect(lines(signal), lineLimit)).map(presentLogLine);
      return ok({ items, next: null });
    },
  }),
  route({
    id: 'listAppEvents',
    method: 'get',
    path: '/api/v1/apps/{app}/events',
    summary: "The ledger's events of one app, oldest first",
    right: 'read',
    tenancy: 'app',
    query: eventsQuery,
    answers: { 200: { description: 'A page of events', schema: listOf(eventView) } },
    events: eventStream,
    errors: [],
    handle: (asked, { platform }) => eventsOf(platform, asked, asked.app),
  }),
  route({
    id: 'listEvents',
    method: 'get',
    path: '/api/v1/events',
    summary: "The ledger's events that the token may see, oldest first",
    right: 'read',
    tenancy: 'team',
    query: eventsQuery,
    answers: { 200: { description: 'A page of events', schema: listOf(eventView) } },
    events: eventStream,
    errors: [],
    handle: (asked, { platform }) => eventsOf(platform, asked, null),
  }),
] as const;

type AskedForEvents = {
  principal: Principal;
  query: z.output<typeof eventsQuery>;
  wantsStream: boolean;
  lastEventId: string | null;
  signal: AbortSignal;
};

async function eventsOf(platform: Platform, asked: AskedForEvents, app: App | null): Promise<Answer> {
  const { principal, query, signal } = asked;
  const isStream = asked.wantsStream || query.follow;
  const afterSeq = whereToGoOn(query, isStream ? asked.lastEventId : null);
  if (isStream) {
    const { follow } = query;
    const options = { afterSeq, limit: follow ? followBatch : query.limit, follow };
    return { stream: (until) => mapEach(platform.events(principal, app, options, until), toStreamEvent) };
  }
  const options = { afterSeq, limit: query.limit + 1, follow: false };
  const found = await collect(platform.events(principal, app, options, signal), query.limit + 1);
  const shown = found.slice(0, query.limit);
  return ok({ items: shown.map(presentEvent), next: found.length > query.limit ? String(shown.at(-1)!.seq) : null });
}

/** Last-Event-ID wins: a client that comes back sends its first address again. @throws bad-request */
function whereToGoOn(
  query: { after?: number | undefined; cursor?: number | undefined },
  lastEventId: string | null,
): number {
  if (lastEventId !== null) {
    if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
    throw fail('bad-request', 'Last-Event-ID is not the id of an event of this stream', { advice: 'Leave it out.' });
  }
  if (query.after !== undefined && query.cursor !== undefined)
    throw fail('bad-request', '"after" and "cursor" say the same thing', { advice: 'Send one of them.' });
  return query.after ?? query.cursor ?? 0;
}

function toStreamEvent(event: NumberedEvent): StreamEvent {
  return { event: event.type, id: String(event.seq), data: presentEvent(event) };
}

async function* mapEach<T>(source: AsyncIterable<T>, present: (item: T) => StreamEvent): AsyncGenerator<StreamEvent> {
  for await (const item of source) yield present(item);
}

async function collect<T>(source: AsyncIterable<T>, most: number): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) {
    items.push(item);
    if (items.length >= most) break;
  }
  return items;
}
