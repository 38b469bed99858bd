// Reads what a process writes into its FIFO, as lines. The process holds the FIFO open both ways, so a reader may go and
// another come; the kernel keeps 64 KiB meanwhile, and the stand-in reads when there is no agent. Lines and rate are bounded, and what is dropped is counted.
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

export type CaptureCaps = { lineBytes: number; bytesPerSecond: number };
export const defaultCaptureCaps: CaptureCaps = { lineBytes: 64 * 1024, bytesPerSecond: 4 * 1024 * 1024 };
export type CaptureSink = { line(text: string): void; dropped(bytes: number): void };

/** Control characters other than tab and colour become a replacement character. */
export const safeText = (text: string): string =>
  text.replace(/(\x1b\[[0-9;]*m)|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, (_, colour?: string) => colour ?? '\ufffd');

/** Cuts chunks into lines; a longer line is cut at the cap and its rest dropped. */
export function lineSplitter(sink: CaptureSink, caps: CaptureCaps, now: () => number) {
  let held: Buffer[] = [];
  let length = 0;
  let cut = 0;
  let second = 0;
  let spent = 0;
  const emit = (): void => {
    const text = new StringDecoder('utf8').end(Buffer.concat(held)).replace(/\r$/, '');
    const lost = cut;
    const bytes = length + 1;
    held = [];
    length = cut = 0;
    const at = Math.floor(now() / 1000);
    if (at !== second) [second, spent] = [at, 0];
    spent += bytes;
    if (spent > caps.bytesPerSecond) {
      sink.dropped(bytes + lost);
      return;
    }
    sink.line(safeText(text));
    if (lost > 0) sink.dropped(lost);
  };
  const add = (part: Buffer): void => {
    const kept = part.subarray(0, caps.lineBytes - length);
    if (kept.length > 0) held.push(Buffer.from(kept));
    length += kept.length;
    cut += part.length - kept.length;
  };
  return {
    push(chunk: Buffer): void {
      let from = 0;
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        add(chunk.subarray(from, at));
        emit();
        from = at + 1;
      }
      add(chunk.subarray(from));
    },
    end: (): void => void (length > 0 && emit()),
  };
}

/** `ended`: every holder of the FIFO is gone, or `stop` was called. */
export type Capture = { ended: Promise<void>; stop(): void };

/**
 * Begin before the launch, or on adoption of a living process.
 * @param before what it wrote before, read by somebody else
 */
export function captureFifo(
  path: string,
  sink: CaptureSink,
  { caps = defaultCaptureCaps, before = null }: { caps?: CaptureCaps; before?: Buffer | null } = {},
): Capture {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let socket: Socket;
  try {
    socket = new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const lines = lineSplitter(sink, caps, Date.now);
  if (before !== null) lines.push(before);
  socket.on('data', (chunk: Buffer) => lines.push(chunk));
  socket.on('error', () => socket.destroy()); // the 'close' that follows ends the capture
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      lines.end();
      resolve();
    });
  });
  return { ended, stop: () => void socket.destroy() };
}
