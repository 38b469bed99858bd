// Cuts what a process writes into lines, within its allowance. Beyond it bytes are counted and dropped unread: a flood costs
// the agent no more than a busy log does. The last bytes of a flood are held, so that the last words before an end are told.
import { StringDecoder } from 'node:string_decoder';

export type CaptureCaps = {
  lineBytes: number;
  /** May be spent at once, when it was saved up. */
  burstBytes: number;
  bytesPerSecond: number;
  linesPerSecond: number;
};

export type CaptureSink = { line(text: string): void; dropped(bytes: number): void };

const [tailBytes, tailLines] = [16 * 1024, 50];

/** Control characters other than tab and colour become a replacement character. */
export const safeText = (text: string): string =>
  text.replace(/\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g, '\ufffd');

export type LineSplitter = { push(chunk: Buffer): void; end(): void };

/** A longer line is cut at the cap and its rest dropped. `push` may reuse its buffer afterwards. */
export function lineSplitter(sink: CaptureSink, caps: CaptureCaps, now: () => number): LineSplitter {
  let held: Buffer[] = [];
  let length = 0;
  /** Up to the next newline, everything is the rest of a line that was cut or dropped. */
  let isSkipping = false;
  let bytesLeft = caps.burstBytes;
  let linesLeft = caps.linesPerSecond;
  let countedAtMs = now();
  /** The last that was dropped for want of allowance, not yet counted. */
  let tail: Buffer | null = null;

  const refill = (): void => {
    const atMs = now();
    const seconds = Math.max(0, atMs - countedAtMs) / 1000;
    countedAtMs = atMs;
    bytesLeft = Math.min(caps.burstBytes, bytesLeft + seconds * caps.bytesPerSecond);
    linesLeft = Math.min(caps.linesPerSecond, linesLeft + seconds * caps.linesPerSecond);
  };
  const emit = (): void => {
    const text = new StringDecoder('utf8').end(held.length === 1 ? held[0]! : Buffer.concat(held)).replace(/\r$/, '');
    bytesLeft -= length + 1;
    linesLeft -= 1;
    held = [];
    length = 0;
    sink.line(safeText(text));
  };
  const countTail = (): void => {
    if (tail !== null) sink.dropped(tail.length);
    tail = null;
  };
  const drop = (chunk: Buffer): void => {
    if (length > 0) sink.dropped(length);
    held = [];
    length = 0;
    isSkipping = chunk[chunk.length - 1] !== 10;
    const before = tail ?? Buffer.alloc(0);
    const over = Math.max(0, before.length + chunk.length - tailBytes);
    tail = Buffer.concat([before, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
    if (over > 0) sink.dropped(over);
  };
  const take = (chunk: Buffer): void => {
    for (let from = 0; from < chunk.length; ) {
      if (bytesLeft <= 0 || linesLeft < 1) {
        drop(chunk.subarray(from));
        return;
      }
      const newline = chunk.indexOf(10, from);
      const end = newline === -1 ? chunk.length : newline;
      if (isSkipping) {
        if (end > from) sink.dropped(end - from);
        isSkipping = newline === -1;
      } else {
        const kept = chunk.subarray(from, Math.min(end, from + caps.lineBytes - length));
        if (kept.length > 0) held.push(Buffer.from(kept));
        length += kept.length;
        const cut = end - from - kept.length;
        if (newline !== -1 || cut > 0) emit();
        if (cut > 0) sink.dropped(cut);
        isSkipping = newline === -1 && cut > 0;
      }
      from = end + 1;
    }
  };
  return {
    push(chunk) {
      if (chunk.length === 0) return;
      refill();
      if (bytesLeft > 0 && linesLeft >= 1) countTail();
      take(chunk);
    },
    end() {
      if (length > 0) emit();
      if (tail === null) return;
      const words = tail.subarray(lastLinesAt(tail));
      sink.dropped(tail.length - words.length);
      tail = null;
      // The end is told whatever was spent: it happens once.
      bytesLeft = tailBytes * 2;
      linesLeft = tailLines + 1;
      isSkipping = false;
      take(words);
      if (length > 0) emit();
    },
  };
}

/** Where the last whole lines begin; what comes after the last newline is one, too. */
function lastLinesAt(bytes: Buffer): number {
  let at = bytes.length - 1;
  for (let lines = 0; lines < tailLines && at > 0; lines += 1) at = bytes.lastIndexOf(10, at - 1);
  return at < 0 ? bytes.indexOf(10) + 1 : at + 1;
}
