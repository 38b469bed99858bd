// The engine's log of a container, taken apart: frames of a head (which stream, how long) and a message that begins with its time. A line that
// is longer than the engine's own limit comes in several messages, of which only the last ends in a newline.

export type LogMessage = {
  stream: number;
  /** As the engine writes it, to the nanosecond: to be given back to it. */
  at: string;
  bytes: Buffer;
};

const headBytes = 8;
/** The engine's own pieces have 16 KiB. */
const mostBytes = 1024 ** 2;

/** @throws when it is no such log */
export function logFrames(on: (message: LogMessage) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    while (rest.length - from >= headBytes) {
      const [stream, length] = [rest[from]!, rest.readUInt32BE(from + 4)];
      if (stream > 2 || length > mostBytes) throw new Error('the engine sends a log of a form that is not known');
      if (rest.length - from < headBytes + length) break;
      const message = rest.subarray(from + headBytes, from + headBytes + length);
      from += headBytes + length;
      const space = message.indexOf(32);
      if (space < 0 || space > 40) throw new Error('the engine sends a log without times');
      on({ stream, at: message.toString('latin1', 0, space), bytes: message.subarray(space + 1) });
    }
    rest = from === rest.length ? Buffer.alloc(0) : Buffer.from(rest.subarray(from));
  };
}

/** How far a log was read: so many messages of that moment are taken already. */
export type LogPosition = { at: string; taken: number };

/** The moment as the engine's `since` takes it; null: not a moment. */
export function sinceOf(at: string): string | null {
  const [, whole, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(at) ?? [];
  if (whole === undefined) return null;
  const seconds = Date.parse(`${whole}Z`) / 1000;
  return Number.isFinite(seconds) ? `${seconds}.${fraction.padEnd(9, '0')}` : null;
}
