// Server-sent events, read as the WHATWG standard says: fields by line, a blank line ends an event, a line that starts with
// ":" is a beat. Bounded: an event past the limit is refused instead of filling the memory.
import { fail } from '../../domain/errors.ts';

export type SseEvent = {
  /** `message` when the server names none. */
  type: string;
  data: string;
  /** The last id that was seen; null before the first. */
  id: string | null;
};

/** The most characters that one event may hold. */
const eventLimit = 8 * 1024 * 1024;

/** Takes text in pieces of any size and gives the events that are whole. */
export function sseParser(): (text: string) => SseEvent[] {
  let rest = '';
  let type = '';
  let data: string[] = [];
  let size = 0;
  let id: string | null = null;

  function take(line: string): SseEvent | null {
    if (line === '') {
      const event = data.length > 0 ? { type: type || 'message', data: data.join('\n'), id } : null;
      [type, data, size] = ['', [], 0];
      return event;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    size += value.length;
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
    return null;
  }

  return (text) => {
    rest += text;
    const events: SseEvent[] = [];
    let from = 0;
    for (const match of rest.matchAll(/\r\n|\n|\r(?!$)/g)) {
      const event = take(rest.slice(from, match.index));
      if (event) events.push(event);
      from = match.index + match[0].length;
    }
    rest = rest.slice(from);
    if (rest.length + size > eventLimit) {
      throw fail('too-large', `an event of the server is larger than ${eventLimit} characters`, {
        advice: 'Is this address a Lockstep? Check it with: lockstep whoami',
      });
    }
    return events;
  };
}
