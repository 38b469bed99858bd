// What BuildKit tells of a build: protobuf messages (`moby.buildkit.v1.StatusResponse`) of which five fields are wanted. A reader of the wire
// format that skips what it does not know, and takes nothing that is longer than what holds it.

export type BuildStatus = {
  /** Steps: begun when neither is set. `error` '' when there is none. */
  steps: readonly {
    digest: string;
    name: string;
    isCached: boolean;
    isStarted: boolean;
    isDone: boolean;
    error: string;
  }[];
  /** What steps wrote, in pieces that end anywhere. */
  output: readonly { step: string; bytes: Buffer }[];
};

type Field = { number: number; value: bigint | Buffer };

/** null: not such a message. */
export function readBuildStatus(bytes: Buffer): BuildStatus | null {
  const fields = fieldsOf(bytes);
  if (fields === null) return null;
  const steps: BuildStatus['steps'][number][] = [];
  const output: BuildStatus['output'][number][] = [];
  for (const { number, value } of fields) {
    if (!Buffer.isBuffer(value) || (number !== 1 && number !== 3)) continue;
    const inner = fieldsOf(value);
    if (inner === null) return null;
    const get = (wanted: number) => inner.findLast((one) => one.number === wanted)?.value;
    const text = (wanted: number) => textOf(get(wanted));
    if (number === 1)
      steps.push({
        ...{ digest: text(1), name: text(3), isCached: get(4) === 1n },
        ...{ isStarted: get(5) !== undefined, isDone: get(6) !== undefined, error: text(7) },
      });
    else {
      const written = get(4);
      if (Buffer.isBuffer(written)) output.push({ step: text(1), bytes: written });
    }
  }
  return { steps, output };
}

const textOf = (value: bigint | Buffer | undefined): string => (Buffer.isBuffer(value) ? value.toString('utf8') : '');

function fieldsOf(bytes: Buffer): Field[] | null {
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
