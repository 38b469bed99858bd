// Single plain files out of a tar stream that somebody else may have shaped: by their exact names, each within a limit, the whole within one.
// Nothing of it is written anywhere here; links, devices and names in other forms are passed over.

const block = 512;

export async function* plainFiles(
  chunks: AsyncIterable<Buffer>,
  wanted: ReadonlySet<string>,
  limits: { fileBytes: number; wholeBytes: number },
): AsyncGenerator<{ path: string; bytes: Buffer }> {
  let held: Buffer = Buffer.alloc(0);
  let read = 0;
  const source = chunks[Symbol.asyncIterator]();
  /** False: the stream has ended before. */
  const have = async (count: number): Promise<boolean> => {
    const pieces = [held];
    let length = held.length;
    while (length < count) {
      const { value, done } = await source.next();
      if (done) return false;
      read += value.length;
      if (read > limits.wholeBytes) return false;
      pieces.push(value);
      length += value.length;
    }
    held = pieces.length === 1 ? held : Buffer.concat(pieces);
    return true;
  };
  try {
    while (await have(block)) {
      const head = held.subarray(0, block);
      if (head.every((byte) => byte === 0)) return;
      const text = (at: number, count: number) => head.toString('latin1', at, at + count).replace(/\0[\s\S]*$/, '');
      const size = Number.parseInt(text(124, 12).trim() || '0', 8);
      if (!Number.isSafeInteger(size) || size < 0) return;
      const [type, path] = [text(156, 1), text(0, 100).replace(/\/+$/, '')];
      held = held.subarray(block);
      const padded = Math.ceil(size / block) * block;
      if ((type === '0' || type === '') && wanted.has(path) && size <= limits.fileBytes) {
        if (!(await have(padded))) return;
        yield { path, bytes: Buffer.from(held.subarray(0, size)) };
        held = held.subarray(padded);
        continue;
      }
      for (let left = padded; left > 0; ) {
        if (!(await have(1))) return;
        const step = Math.min(left, held.length);
        held = held.subarray(step);
        left -= step;
      }
    }
  } finally {
    await source.return?.();
  }
}
