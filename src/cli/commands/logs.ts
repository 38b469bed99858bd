// `lockstep logs`: what the app's processes wrote. With -f it follows, and goes on by itself after a broken connection
// without showing a line twice.
import type { LogLine } from '../../domain/agent.ts';
import type { Paint } from '../present/paint.ts';
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

/** How many lines a new connection asks for again, to find those that came while it was away. */
const overlapLines = 1_000;
/** The most lines that the server gives at once. */
const lineLimit = 5_000;

/** Prints the last `-n` lines (100 unless told), with -f also what comes, until Ctrl-C. */
export async function logs(session: Session): Promise<number> {
  const count = session.number('n', 0, lineLimit) ?? 100;
  const app = await session.app();
  const api = await session.api();
  const show = (line: LogLine) =>
    session.isJson ? session.printJson(line) : session.print(logText(line, session.paint));
  const path = `/api/v1/apps/${app}/logs`;
  if (!session.has('follow')) {
    const { items } = await api.get<{ items: LogLine[] }>(`${path}?lines=${count}`);
    items.forEach(show);
    return 0;
  }
  const { reconnecting } = await import('../server/reconnect.ts');
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  const seen = seenLines();
  try {
    const events = reconnecting({
      open: (onOpen, isAgain) => {
        if (isAgain) seen.rewind();
        const lines = isAgain ? overlapLines : count;
        return api.stream(`${path}?follow=true&lines=${lines}`, { signal: stop.signal, onOpen });
      },
      isLast: () => false,
      signal: stop.signal,
      patienceMs: null,
      note: session.note,
    });
    for await (const event of events) {
      if (event.type !== 'log') continue;
      const line = JSON.parse(event.data) as LogLine;
      if (seen.isNew(line)) show(line);
    }
    return 0;
  } finally {
    forget();
  }
}

/** One line: time, who, what. */
export function logText(line: LogLine, paint: Paint): string {
  const who = `${line.type}[${line.release}]`;
  return `${paint.dim(new Date(line.atMs).toISOString())} ${(line.type === 'lockstep' ? paint.yellow : paint.cyan)(who)} ${safeLine(line.line)}`;
}

/** Knows which lines of a repeated stretch were shown: those before the newest moment, and as many at it as were shown then. */
export function seenLines(): { isNew(line: LogLine): boolean; rewind(): void } {
  let newestMs = Number.NEGATIVE_INFINITY;
  let shownThen = 0;
  let skip: { beforeMs: number; left: number } | null = null;
  return {
    rewind() {
      skip = { beforeMs: newestMs, left: shownThen };
    },
    isNew(line) {
      if (skip && line.atMs < skip.beforeMs) return false;
      if (skip && line.atMs === skip.beforeMs && skip.left > 0) {
        skip.left -= 1;
        return false;
      }
      if (skip && line.atMs > skip.beforeMs) skip = null;
      if (line.atMs > newestMs) [newestMs, shownThen] = [line.atMs, 0];
      if (line.atMs === newestMs) shownThen += 1;
      return true;
    },
  };
}
