// A document that is mostly one long list, on disk, for whoever must have it again after any crash. The file begins with the whole
// document; a small change is added to its end, which costs one write however long the list is. What has grown
// too long, or changed too much, is written anew whole (`atomicWrite`).
//
//   sha256:<of the body>                        every entry: a line with its checksum, a line of JSON. The first is the whole
//   {"version":1,…,"apps":[…]}                  document, the others are patches (`list-patch.ts`). The checksum of a patch is
//   sha256:<of the checksum before, the body>   that of the checksum before it and of its own body: an entry that was left out,
//   {"head":{…},"items":[[3,{…}]]}              changed or put elsewhere breaks the chain.
//
// Beside it stands `.previous`: the document before the last one, in an inode of its own. It is the file without its last body:
// it ends with the checksum of the last entry, so it knows what the file must hold, and a file that lost its last entry whole is
// found damaged, too. It is brought there after the save, when nobody waits any more. A body at the file's end that was
// never answered for (the power went in between) is no damage: nobody acted on it, and what is before it is the document.
//
// `synced`: a save is answered when no crash of the machine can lose it. `written`: when no end of this process can, and the disk
// follows; the power may take the last changes, whole, for whoever can have them again from somebody who has them synced.
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { AppendedFile, type Durability } from './appended-file.ts';
import { atomicWrite } from './atomic-write.ts';
import { entryOf, type Good, lacking, type Read, readText, sha256, sumBytes } from './list-entries.ts';
import { changeText, type ListDocument } from './list-patch.ts';
import { listText } from './list-text.ts';

export type Loaded<T> = {
  document: T | null;
  from: 'current' | 'previous' | 'none';
  /** What is wrong with the file, for the operator; null when all is well. */
  alarm: string | null;
};

/** Patches may be so many, and as long as the document or this, before it is written whole again. */
const [mostPatches, leastPatchBytes] = [1000, 1_048_576];

/** Between a save and what nobody waits for. */
const behindMs = 20;

const previousOf = (file: string): string => `${file}.previous`;
/** What the file holds, known because this process read it or wrote it. */
type Held = ListDocument & { sum: string; bytes: number; wholeBytes: number; patches: number };

export class ListFile<T> {
  readonly #file: string;
  readonly #key: string;
  readonly #parse: (value: unknown) => T;
  readonly #end: AppendedFile;
  #held: Held | null = null;
  /** How much of the file the previous one has; null: it is of another chain. */
  #previousBytes: number | null = null;
  #behind: Promise<void> = Promise.resolve();
  #hurry: () => void = () => {};

  /**
   * @param key what the list is called in the document
   * @param parse throws on what is not one
   */
  constructor(file: string, key: string, parse: (value: unknown) => T, durability: Durability = 'synced') {
    this.#file = file;
    this.#key = key;
    this.#parse = parse;
    this.#end = new AppendedFile(file, durability);
  }

  /** The newest good document. */
  async load(): Promise<Loaded<T>> {
    const path = previousOf(this.#file);
    const before = await read(path, this.#key);
    const found = await read(this.#file, this.#key);
    const now = lacking(found, before);
    const problems: string[] = [];
    for (const [from, at, one] of [['current', this.#file, now] as const, ['previous', path, before] as const]) {
      if (one.kind === 'absent' && from === 'current') problems.push(`${at} is missing`);
      if (one.kind === 'damaged') problems.push(`${at}: ${one.why}`);
      if (one.kind !== 'good') continue;
      try {
        const document = this.#parse(one.value);
        if (from === 'current') this.#hold(one, document, before);
        return { document, from, alarm: problems.length === 0 ? null : `${problems.join('; ')}; using ${at}` };
      } catch (error) {
        problems.push(`${at}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    const isFirstStart = problems.length === 1 && problems[0] === `${this.#file} is missing`;
    return { document: null, from: 'none', alarm: isFirstStart ? null : problems.join('; ') };
  }

  /**
   * Keeps the document (0600), `synced` or `written`. Callers save one at a time; what is given is never changed afterwards.
   * @throws what the disk says: the document before it is kept then
   */
  async save(head: object, items: readonly object[]): Promise<void> {
    this.#hurry();
    await this.#behind;
    const held = this.#held;
    this.#held = null;
    let isOurs = held !== null;
    const body = held && changeText(held, { head, items });
    if (held && body && hasRoom(held, body)) {
      const sum = sha256(held.sum, body);
      const entry = entryOf(sum, body);
      isOurs = await this.#end.append(held.bytes, entry);
      if (isOurs) {
        this.#held = { ...held, head, items, sum, bytes: held.bytes + entry.length, patches: held.patches + 1 };
        this.#behind = this.#follow(held.bytes + sumBytes);
        return;
      }
    }
    await this.#end.close();
    // A damaged document never replaces a good previous one.
    if (isOurs || (await this.#isGood())) await keepAsPrevious(this.#file);
    this.#previousBytes = null;
    const whole = listText(head, this.#key, items, '');
    const sum = sha256(whole);
    const entry = entryOf(sum, whole);
    await atomicWrite(this.#file, entry);
    this.#held = { head, items, sum, bytes: entry.length, wholeBytes: entry.length, patches: 0 };
  }

  /** Resolves when the disk has all of it, and the previous one is what it should be, too. Nothing is open then. */
  async settled(): Promise<void> {
    this.#hurry();
    await this.#behind;
    await this.#end.close();
  }

  #hold(now: Good, document: T, before: Read): void {
    this.#held = null;
    this.#previousBytes = null;
    // What is torn is written whole the next time.
    if (now.isTorn) return;
    const { [this.#key]: items, ...head } = document as Record<string, unknown> & Record<string, readonly object[]>;
    const { sum, known, bytes, wholeBytes } = now;
    this.#held = { head, items: items!, sum, bytes, wholeBytes, patches: known.length - 1 };
    if (before.kind === 'good' && now.text.startsWith(before.text)) this.#previousBytes = before.bytes;
  }

  async #isGood(): Promise<boolean> {
    const found = await read(this.#file, this.#key);
    if (found.kind !== 'good') return false;
    try {
      this.#parse(found.value);
      return true;
    } catch {
      return false;
    }
  }

  /** After an answer: the disk has the change, and then the previous file has what was before it. Never rejects. */
  async #follow(previousBytes: number): Promise<void> {
    await this.#untilNobodyWaits();
    try {
      await this.#end.sync();
    } catch {
      this.#held = null; // a disk that fails: it is written whole the next time, or that is told
      return;
    }
    await this.#bringPrevious(previousBytes).catch(() => {
      this.#previousBytes = null; // a full disk: it is written whole the next time
    });
  }

  /** What waits for the answer goes on at once, and has the processor for itself, unless there is another save. */
  async #untilNobodyWaits(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, behindMs);
    this.#hurry = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** The previous file becomes the beginning of this one, as far as the checksum of the last entry. */
  async #bringPrevious(bytes: number): Promise<void> {
    const path = previousOf(this.#file);
    const from = this.#previousBytes ?? 0;
    const more = Buffer.alloc(bytes - from);
    {
      await using file = await open(this.#file, 'r');
      if ((await file.read(more, 0, more.length, from)).bytesRead !== more.length) throw new Error('cut short');
    }
    if (this.#previousBytes === null) await replacePrevious(path, more);
    else {
      await using previous = await open(path, 'a');
      if ((await previous.stat()).size !== from) throw new Error(`${path} is not what we left there`);
      await previous.appendFile(more);
    }
    this.#previousBytes = bytes;
  }
}

async function read(path: string, key: string): Promise<Read> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'damaged', why: `cannot be read (${code})` };
  }
  return readText(text, key);
}

const hasRoom = ({ patches, bytes, wholeBytes }: Held, body: string): boolean =>
  patches < mostPatches && bytes - wholeBytes + Buffer.byteLength(body) <= Math.max(leastPatchBytes, wholeBytes);

/** No seam of its own: nobody acts upon it, and whatever a crash leaves of it, the file itself says what holds. */
async function replacePrevious(path: string, content: Buffer): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`;
  {
    await using handle = await open(temporary, 'w', 0o600);
    await handle.writeFile(content);
    await handle.sync();
  }
  await rename(temporary, path);
}

async function keepAsPrevious(file: string): Promise<void> {
  const temporary = `${previousOf(file)}.tmp-${process.pid}`;
  await rm(temporary, { force: true });
  await link(file, temporary).then(() => rename(temporary, previousOf(file)), passWhenGone);
  await rm(temporary, { force: true });
}

function passWhenGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
