// What is kept of a job's output: its first bytes and its last ones, in files that outlive the agent, and the last lines
// in memory. The head file takes the first half of the budget; two segments in turn take the rest, so that between a
// quarter and a half of the budget is always the end. A disk that takes nothing costs the files, not the job nor the agent.
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type KeptOutput = {
  add(line: string): void;
  /** Bytes that were not even lines: counted. */
  dropped(bytes: number): void;
  /** Of everything that came, kept or not. */
  bytes(): number;
  /** Lines that an earlier agent kept: all that there were, unless they were more than the budget. */
  linesBefore: number;
  /** At most the last 200 lines, and no more than the budget. */
  tail(): string[];
  close(): void;
};

const tailLines = 200;
const names = { head: 'output', older: 'output.older', newer: 'output.newer' };

/** @param budget bytes; with `isAdopted` what an earlier agent kept is read first. */
export function keepOutput(folder: string, budget: number, isAdopted: boolean): KeptOutput {
  const headLimit = Math.floor(budget / 2);
  const segmentLimit = Math.floor(budget / 4);
  const read = (name: string): string => {
    try {
      return isAdopted ? readFileSync(join(folder, name), 'utf8') : '';
    } catch {
      return ''; // not begun yet
    }
  };
  const before = [names.head, names.older, names.newer].map(read);
  let total = before.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  let headBytes = Buffer.byteLength(before[0]!);
  let segmentBytes = Buffer.byteLength(before[2]!);
  const last: string[] = [];
  let lastBytes = 0;
  let head: number | null = openSync(join(folder, names.head), 'a', 0o600);
  let newer: number | null = null;
  const waiting: string[] = [];
  let isFlushing = false;

  const remember = (line: string): void => {
    last.push(line);
    lastBytes += line.length + 1;
    while (last.length > tailLines || (lastBytes > budget && last.length > 1)) lastBytes -= last.shift()!.length + 1;
  };
  const linesOfBefore = before.join('').split('\n').slice(0, -1);
  for (const line of linesOfBefore.slice(-tailLines)) remember(line);

  // Lines of one turn that go to the same file are written at once.
  let batch: string[] = [];
  const writeBatch = (): void => {
    const fd = head ?? newer;
    if (batch.length > 0 && fd !== null) writeSync(fd, batch.join(''));
    batch = [];
  };
  const place = (line: string): void => {
    const bytes = Buffer.byteLength(line);
    if (head !== null && headBytes + bytes <= headLimit) {
      headBytes += bytes;
      batch.push(line);
      return;
    }
    if (head !== null) {
      writeBatch();
      closeSync(head);
      head = null;
    }
    if (bytes > segmentLimit) return;
    newer ??= openSync(join(folder, names.newer), 'a', 0o600);
    if (segmentBytes + bytes > segmentLimit) {
      writeBatch();
      closeSync(newer);
      renameSync(join(folder, names.newer), join(folder, names.older));
      newer = openSync(join(folder, names.newer), 'a', 0o600);
      segmentBytes = 0;
    }
    segmentBytes += bytes;
    batch.push(line);
  };
  const flush = (): void => {
    isFlushing = false;
    try {
      for (const line of waiting.splice(0)) place(`${line}\n`);
      writeBatch();
    } catch {
      batch = []; // no room: the last lines stay in memory
    }
  };
  return {
    add(line) {
      total += Buffer.byteLength(line) + 1;
      remember(line);
      waiting.push(line);
      if (isFlushing) return;
      isFlushing = true;
      queueMicrotask(flush); // after the whole chunk, before anybody is told of its lines
    },
    dropped(bytes) {
      total += bytes;
    },
    bytes: () => total,
    linesBefore: linesOfBefore.length,
    tail: () => [...last],
    close() {
      flush();
      if (head !== null) closeSync(head);
      if (newer !== null) closeSync(newer);
      head = newer = null;
    },
  };
}
