// A tar stream as its entries, one after the other, with everything that an entry says of itself: for archives of images, whose layers are archives
// too, and for what an engine hands out of a container. Contents are read as they come and never held; who does not read one has it passed over.

export type TarHead = {
  path: string;
  /** As the form has it: 0 a file, 1 a hard link, 2 a link, 3 and 4 devices, 5 a folder, 6 a pipe. */
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** "" unless it is a link. */
  link: string;
  mtime: number;
  /** What else was said of it: attributes of the file system, numbers of a device. */
  more: string;
};

export type TarEntry = { head: TarHead; content: AsyncIterable<Buffer> };

class NoArchive extends Error {}

/** The bytes are at fault, not where they come from. */
export const isNoArchive = (error: unknown): boolean => error instanceof NoArchive;

const block = 512;
const mostHeadBytes = 1024 ** 2;

/** @throws an Error for what is no such stream, or breaks off (`isNoArchive`), and what the stream itself throws */
export async function* tarEntries(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const source = new Source(chunks);
  try {
    let said = new Map<string, string>();
    for (;;) {
      const bytes = await source.take(block);
      if (bytes === null || bytes.every((byte) => byte === 0)) return;
      const head = headOf(bytes);
      if ('xgLK'.includes(head.type)) {
        if (head.size > mostHeadBytes) throw new NoArchive('a head of the archive is larger than any');
        const content = await source.take(padded(head.size));
        if (content === null) throw brokenOff();
        if (head.type !== 'g') noteExtended(said, head.type, content.subarray(0, head.size));
        continue;
      }
      const whole = withExtended(head, said);
      said = new Map();
      const isEmpty = '12345'.includes(whole.type);
      const end = source.position + (isEmpty ? 0 : padded(whole.size));
      yield { head: isEmpty ? { ...whole, size: 0 } : whole, content: source.stream(isEmpty ? 0 : whole.size) };
      for await (const _rest of source.stream(end - source.position));
    }
  } finally {
    await source.close();
  }
}

const padded = (size: number): number => Math.ceil(size / block) * block;
const brokenOff = () => new NoArchive('the archive breaks off');

class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** null: the stream has ended before. */
  async take(count: number): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    for await (const piece of this.stream(count, true)) pieces.push(piece);
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    return whole.length === count ? whole : null;
  }

  async *stream(count: number, mayEnd = false): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#held.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done && mayEnd) return;
        if (done) throw brokenOff();
        this.#held = value;
        continue;
      }
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      this.position += piece.length;
      left -= piece.length;
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function headOf(bytes: Buffer): TarHead {
  const text = (at: number, count: number) => bytes.toString('latin1', at, at + count).replace(/\0[\s\S]*$/, '');
  const number = (at: number, count: number): number => {
    // GNU's form of a number that is too large for its digits.
    if ((bytes[at]! & 0x80) !== 0) return Number(bytes.readBigUInt64BE(at + count - 8));
    return Number.parseInt(text(at, count).trim() || '0', 8);
  };
  const size = number(124, 12);
  if (!Number.isSafeInteger(size) || size < 0 || !/^ustar/.test(text(257, 6)))
    throw new NoArchive('it is no tar archive');
  const prefix = text(257, 8) === 'ustar' ? text(345, 155) : '';
  const type = text(156, 1) || '0';
  return {
    ...{ path: utf8(prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`), type, link: utf8(text(157, 100)) },
    ...{ mode: number(100, 8), uid: number(108, 8), gid: number(116, 8), size, mtime: number(136, 12) },
    more: '34'.includes(type) ? `${number(329, 8)}:${number(337, 8)}` : '',
  };
}

const utf8 = (latin: string): string => Buffer.from(latin, 'latin1').toString('utf8');

/** Of the entry that follows. */
function noteExtended(said: Map<string, string>, type: string, content: Buffer): void {
  if (type === 'L' || type === 'K') {
    said.set(type === 'L' ? 'path' : 'linkpath', content.toString('utf8').replace(/\0+$/, ''));
    return;
  }
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const length = Number(content.toString('latin1', at, space));
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0)
      throw new NoArchive('a head of the archive is damaged');
    const record = content.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    said.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
}

function withExtended(head: TarHead, said: ReadonlyMap<string, string>): TarHead {
  const number = (name: string, usual: number) => (said.has(name) ? Number(said.get(name)) : usual);
  const known = /^(?:path|linkpath|size|uid|gid|uname|gname|[amc]time|LIBARCHIVE\.creationtime)$/;
  const others = [...said].filter(([name]) => !known.test(name)).map((one) => one.join('='));
  return {
    ...head,
    ...{
      path: said.get('path') ?? head.path,
      link: said.get('linkpath') ?? head.link,
      size: number('size', head.size),
    },
    ...{ uid: number('uid', head.uid), gid: number('gid', head.gid), mtime: number('mtime', head.mtime) },
    more: [head.more, ...others.sort()].join(';'),
  };
}
