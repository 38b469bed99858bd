// Protocol Buffers as far as BuildKit's messages need them: the wire format, read into fields by number and written from bytes and texts. Takes
// nothing that is longer than what holds it.

export type Field = { number: number; value: bigint | Buffer };

/** null: not such a message. */
export function fieldsOf(bytes: Buffer): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | null => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return null;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === null) return null;
    const [number, wire] = [Number(key >> 3n), Number(key & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === null) return null;
      fields.push({ number, value });
      continue;
    }
    const length = wire === 1 ? 8n : wire === 5 ? 4n : wire === 2 ? varint() : null;
    if (length === null || length > BigInt(bytes.length - at)) return null;
    fields.push({ number, value: bytes.subarray(at, at + Number(length)) });
    at += Number(length);
  }
  return fields;
}

/** The last text of that number; '' when there is none. */
export function textIn(fields: readonly Field[], number: number): string {
  const value = fields.findLast((one) => one.number === number)?.value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : '';
}

/** A message of such fields, in order; numbers below 16. */
export const messageOf = (fields: readonly (readonly [number, Buffer | string | number])[]): Buffer =>
  Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [Buffer.from([number << 3]), varintOf(value)];
      const bytes = Buffer.from(value as string);
      return [Buffer.from([(number << 3) | 2]), varintOf(bytes.length), bytes];
    }),
  );

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}
