// A record that the server keeps and gives from its beginning at every connection: lines, then one last event. After a broken
// connection the lines that were read already are left out.
import type { Api } from './api.ts';
import { reconnecting } from './reconnect.ts';

/** How long a record is waited for without a connection, in milliseconds. */
const patienceMs = 60_000;

/**
 * Each line once, then the data of the event named `lastType`; ends without it when the signal is raised.
 * @throws router-away after a minute without a connection
 */
export async function* recordStream(
  api: Api,
  path: string,
  lastType: 'end' | 'result',
  options: { signal: AbortSignal; note: (line: string) => void },
): AsyncGenerator<{ line: string } | { last: string }> {
  let shown = 0;
  let position = 0;
  const events = reconnecting({
    ...options,
    open: (onOpen) => {
      position = 0;
      return api.stream(path, { signal: options.signal, onOpen });
    },
    isLast: (event) => event.type === lastType,
    patienceMs,
  });
  for await (const event of events) {
    if (event.type === lastType) return yield { last: event.data };
    if (event.type !== 'line') continue;
    position += 1;
    if (position <= shown) continue;
    shown = position;
    yield JSON.parse(event.data) as { line: string };
  }
}
