// git's framing: four hexadecimal digits of length (which count themselves), then the bytes; 0000 is a flush. The reader
// takes nothing on trust: lengths are checked before anything is kept, and a conversation has a limit.
import { fail } from '../domain/errors.ts';

export const flushPkt: Buffer = Buffer.from('0000');
/** The most that one packet's content may hold. */
export const maxPktBytes = 65516;

export type Pkt = { kind: 'data'; data: Buffer } | { kind: 'flush' } | { kind: 'delimiter' } | { kind: 'response-end' };

export function encodePkt(data: string | Uint8Array): Buffer {
  const content = Buffer.from(data as Uint8Array);
  if (content.length > maxPktBytes) throw new RangeError(`a packet holds at most ${maxPktBytes} bytes`);
  return Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, '0')), content]);
}

const specials = ['flush', 'delimiter', 'response-end'] as const;

/**
 * The packets of a byte stream, as they come.
 * @throws bad-request for a malformed or truncated packet; too-large beyond `maxBytes` in total
 */
export async function* decodePkts(source: AsyncIterable<Uint8Array>, maxBytes = 64 * 1024 * 1024): AsyncGenerator<Pkt> {
  let held = Buffer.alloc(0);
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > maxBytes)
      throw fail('too-large', 'the list of refs is too long', { advice: 'Push fewer refs at a time.' });
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const head = held.toString('latin1', 0, 4);
      const length = /^[0-9a-fA-F]{4}$/.test(head) ? Number.parseInt(head, 16) : -1;
      if (length < 0 || length === 3 || length > maxPktBytes + 4)
        throw fail('bad-request', 'a packet with an impossible length');
      if (length < 3) {
        held = held.subarray(4);
        yield { kind: specials[length]! };
        continue;
      }
      if (held.length < length) break;
      const data = held.subarray(4, length);
      held = held.subarray(length);
      yield { kind: 'data', data };
    }
  }
  if (held.length > 0) throw fail('bad-request', 'a packet was cut short');
}
