// Reads what a process writes into its FIFO, as lines. The process holds the FIFO open both ways, so a reader may go and
// another come; the kernel keeps 64 KiB meanwhile, and the stand-in reads when there is no agent. Lines and rate are bounded,
// and what is dropped is counted; beyond what is even dropped the writer waits (`read-budget.ts`).
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { type CaptureCaps, type CaptureSink, lineSplitter } from './line-splitter.ts';
import { type ReadBudget, sharedBudget, socketReader } from './read-budget.ts';

/** For what serves: as many lines a second as its log takes. */
export const appCaptureCaps: CaptureCaps = {
  lineBytes: 64 * 1024,
  burstBytes: 4 * 1024 * 1024,
  bytesPerSecond: 1024 * 1024,
  linesPerSecond: 2000,
};
/** For what ends: a check that fails may say a lot at once, and its last lines are the finding. */
export const jobCaptureCaps: CaptureCaps = {
  ...appCaptureCaps,
  bytesPerSecond: 4 * 1024 * 1024,
  linesPerSecond: 20_000,
};

/** `ended`: every holder of the FIFO is gone, or `stop` was called. */
export type Capture = { ended: Promise<void>; stop(): void };

export type CaptureOptions = {
  caps?: CaptureCaps;
  /** What it wrote before, read by somebody else. */
  before?: Buffer | null;
  budget?: ReadBudget;
};

/**
 * Keeps the FIFO from never ending: one that no writer has ever opened tells its reader of no end, and a process that is killed
 * at once has opened nothing. Taken between `captureFifo` and the launch, let go when the process has ended.
 * @returns lets go
 */
export function holdOpen(path: string): () => void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return () => closeSync(fd);
}

/** All reads go through it, one after the other: what is kept of it is copied at once. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Begin before the launch, or on adoption of a living process. */
export function captureFifo(
  path: string,
  sink: CaptureSink,
  { caps = appCaptureCaps, before = null, budget = sharedBudget }: CaptureOptions = {},
): Capture {
  const lines = lineSplitter(sink, caps, () => performance.now());
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let socket: Socket;
  try {
    const reader = socketReader(() => socket);
    const callback = (bytes: number): boolean => {
      lines.push(buffer.subarray(0, bytes));
      return budget.spend(reader, bytes);
    };
    socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback } });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  if (before !== null) lines.push(before);
  socket.on('error', () => socket.destroy()); // the 'close' that follows ends the capture
  socket.resume();
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      lines.end();
      resolve();
    });
  });
  return { ended, stop: () => void socket.destroy() };
}
