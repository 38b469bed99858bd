// A tar stream of single entries: names and link targets as bytes, nothing of the machine, the same entries the same bytes. Names beyond the
// header's hundred bytes travel in GNU's form, which keeps them as they are.

export type TarEntry = {
  path: Buffer;
  /** `folder` has no content, of a `link` it is the target. */
  kind: 'file' | 'program' | 'link' | 'folder';
  size: number;
  content: Buffer | AsyncIterable<Uint8Array>;
};

const block = 512;
/** 1980: what some archives cannot be older than. */
const timeSeconds = 315_532_800;
const types = { file: '0', program: '0', link: '2', folder: '5' } as const;
const modes = { file: 0o644, program: 0o755, link: 0o777, folder: 0o755 } as const;

export async function* tarStream(entries: AsyncIterable<TarEntry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    const link = entry.kind === 'link' ? await whole(entry) : Buffer.alloc(0);
    if (entry.path.length > 100) yield longName('L', entry.path);
    if (link.length > 100) yield longName('K', link);
    const size = entry.kind === 'link' || entry.kind === 'folder' ? 0 : entry.size;
    yield header({ path: entry.path, link, size, mode: modes[entry.kind], type: types[entry.kind] });
    if (size === 0) continue;
    let bytes = 0;
    for await (const chunk of Buffer.isBuffer(entry.content) ? [entry.content] : entry.content) {
      bytes += chunk.length;
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    if (bytes !== size) throw new Error(`an entry of ${size} bytes has ${bytes}`);
    if (size % block !== 0) yield Buffer.alloc(block - (size % block));
  }
  yield Buffer.alloc(2 * block);
}

/** GNU's: the name is the content of an entry before it, with a NUL. */
function longName(type: 'L' | 'K', name: Buffer): Buffer {
  const size = name.length + 1;
  const body = Buffer.alloc(Math.ceil(size / block) * block);
  name.copy(body);
  return Buffer.concat([
    header({ path: Buffer.from('././@LongLink'), link: Buffer.alloc(0), size, mode: 0, type }),
    body,
  ]);
}

function header(given: { path: Buffer; link: Buffer; size: number; mode: number; type: string }): Buffer {
  const bytes = Buffer.alloc(block);
  given.path.copy(bytes, 0, 0, 100);
  const octal = (value: number, at: number, length: number): void =>
    void bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  octal(given.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(given.size, 124, 12);
  octal(timeSeconds, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(given.type, 156, 'latin1');
  given.link.copy(bytes, 157, 0, 100);
  bytes.write('ustar  \0', 257, 'latin1');
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return bytes;
}

async function whole({ content }: TarEntry): Promise<Buffer> {
  if (Buffer.isBuffer(content)) return content;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
