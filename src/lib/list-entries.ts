// The text of a list file (`list-file.ts` says its form): entries under a chain of checksums, read as far as they hold. Pure: what
// is damaged, cut short or torn is said, and nothing is guessed.
import { createHash } from 'node:crypto';
import { patched, readPatch } from './list-patch.ts';

/** `known`: the checksums of the document and of each change; `sum` is the last of those whose body is there. */
export type Good = {
  kind: 'good';
  value: unknown;
  sum: string;
  known: string[];
  /** There is more after that. */
  isTorn: boolean;
  text: string;
  bytes: number;
  wholeBytes: number;
};
export type Read = { kind: 'absent' } | { kind: 'damaged'; why: string } | Good;

/** The line of a checksum. */
export const sumBytes = 72;

export const sha256 = (...texts: string[]): string => {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return `sha256:${hash.digest('hex')}`;
};

/** A file that ends before what the previous one knows of it has lost something, whole as it may look. */
export function lacking(now: Read, before: Read): Read {
  if (now.kind !== 'good' || before.kind !== 'good') return now;
  const at = before.known.indexOf(now.sum);
  if (at < 0 || at === before.known.length - 1) return now;
  return { kind: 'damaged', why: 'is cut short: its last change is not there' };
}

/** The document of a file's text, for whoever only looks; null: it is not whole. */
export function documentIn(text: string, key: string): unknown {
  const found = readText(text, key);
  return found.kind === 'good' ? found.value : null;
}

export function readText(text: string, key: string): Read {
  const { bodies, known, rest } = entriesIn(text);
  if (bodies.length === 0 || !unfinished.test(rest)) {
    const isEntry = /^sha256:[0-9a-f]{64}\n[^\n]*\n/.test(rest);
    return { kind: 'damaged', why: isEntry ? 'does not match its checksum' : 'is cut short or not a document' };
  }
  const value = whatIs(bodies, key);
  if (value === null) return { kind: 'damaged', why: 'is not a document' };
  const [bytes, wholeBytes] = [Buffer.byteLength(text), sumBytes + Buffer.byteLength(bodies[0]!) + 1];
  return { kind: 'good', value, sum: known[bodies.length - 1]!, known, isTorn: rest !== '', text, bytes, wholeBytes };
}

/** What a write that was cut off by a power failure leaves at the end: the beginning of an entry, and zeros. */
const unfinished = /^(?:|s|sh|sha|sha2|sha25|sha256|sha256:[0-9a-f]{0,64}|sha256:[0-9a-f]{64}\n[^\n\0]*)\0*$/;

/** The bodies that are what their checksums say, the checksums (one more when the text ends with one), and what else there is. */
function entriesIn(text: string): { bodies: string[]; known: string[]; rest: string } {
  const bodies: string[] = [];
  const known: string[] = [];
  for (let at = 0; ; ) {
    const [line, sum] = /^(sha256:[0-9a-f]{64})\n/.exec(text.slice(at, at + sumBytes)) ?? [];
    if (line === undefined) return { bodies, known, rest: text.slice(at) };
    const end = text.indexOf('\n', at + line.length);
    const body = text.slice(at + line.length, Math.max(0, end));
    const isGood = end >= 0 && sha256(...known.slice(-1), body) === sum;
    // The last line alone, as the previous file has it.
    if (isGood || at + line.length === text.length) known.push(sum!);
    if (!isGood) return { bodies, known, rest: text.slice(at) };
    bodies.push(body);
    at = end + 1;
  }
}

function whatIs([whole, ...patches]: readonly string[], key: string): unknown {
  try {
    let { [key]: items, ...head } = JSON.parse(whole!);
    for (const text of patches) {
      const patch = readPatch(text);
      items = patch && patched(items as unknown[], patch.items);
      if (items === null) return null;
      head = { ...head, ...patch!.head };
    }
    return { ...head, [key]: items };
  } catch {
    return null;
  }
}

export const entryOf = (sum: string, body: string): Buffer => Buffer.from(`${sum}\n${body}\n`);
