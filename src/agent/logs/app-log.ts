// One app's log: NDJSON in `app.log`, older pieces in `app.log.1` …, bounded in bytes and files. Lines are kept across
// releases. Appends are not synced: a log may lose its last moment in a power cut, the app never waits for the disk.
// One writer (the agent); all reads and writes go through one queue, so a follower misses nothing and sees nothing twice.
import { appendFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../../domain/agent.ts';
import type { InstanceId } from '../../domain/ids.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';
import { parseLine, readEnd, readOrEmpty } from './log-files.ts';

export type LogBounds = {
  fileBytes: number;
  files: number;
  linesPerSecond: number;
  lineChars: number;
  queueLines: number;
  /** Lines that wait for a disk that takes nothing. */
  keptLines: number;
};
const defaultLogBounds: LogBounds = {
  fileBytes: 4 * 1024 * 1024,
  files: 5,
  linesPerSecond: 2000,
  lineChars: 16 * 1024,
  queueLines: 20_000,
  keptLines: 1000,
};

const recentBytes = 256 * 1024;

type Numbered = { seq: number; entry: LogLine };
type Window = { startMs: number; lines: number; dropped: number; last: LogLine };

export class AppLog implements AsyncDisposable {
  readonly #folder: string;
  readonly #bounds: LogBounds;
  #pending: Numbered[] = [];
  #seq = 0;
  #writtenSeq = 0;
  #bytes = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #flushIsDue = false;
  #lost = 0;
  #isCut = false;
  readonly #windows = new Map<InstanceId, Window>();
  readonly #followers = new Set<(one: Numbered) => void>();

  private constructor(folder: string, bounds: LogBounds) {
    this.#folder = folder;
    this.#bounds = bounds;
  }

  /** Opens the log in `folder`, which is made when it is not there. A line cut by a crash is ended first. */
  static async open(folder: string, bounds: Partial<LogBounds> = {}): Promise<AppLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const log = new AppLog(folder, { ...defaultLogBounds, ...bounds });
    const end = await readEnd(log.#file(0), 1);
    log.#bytes = end.fileBytes;
    if (end.text !== '' && end.text !== '\n') {
      // A disk without room takes no line either: then the next one is cut, and the app is not held up.
      const isEnded = await appendFile(log.#file(0), '\n').then(
        () => true,
        () => false,
      );
      if (isEnded) log.#bytes += 1;
    }
    return log;
  }

  /** Takes one line; it is written soon. Beyond the instance's rate it is dropped, and counted in a line of its own. */
  append(entry: LogLine): void {
    const window = this.#windows.get(entry.instanceId);
    if (window === undefined || entry.atMs - window.startMs >= 1000 || entry.atMs < window.startMs) {
      if (window !== undefined) this.#reportDropped(window, entry.atMs);
      this.#windows.set(entry.instanceId, { startMs: entry.atMs, lines: 1, dropped: 0, last: entry });
    } else if (window.lines >= this.#bounds.linesPerSecond || this.#pending.length >= this.#bounds.queueLines) {
      window.dropped += 1;
      window.last = entry;
      return;
    } else {
      window.lines += 1;
    }
    this.#take(
      entry.line.length > this.#bounds.lineChars
        ? { ...entry, line: `${entry.line.slice(0, this.#bounds.lineChars)}… (cut)` }
        : entry,
    );
  }

  /** Says how many lines of an instance that has ended were dropped, and forgets its rate. */
  instanceEnded(id: InstanceId): void {
    const window = this.#windows.get(id);
    if (window !== undefined) this.#reportDropped(window, window.last.atMs);
    this.#windows.delete(id);
  }

  /** The last `count` lines, oldest first, across rotations; of one instance when it is named. */
  tail(count: number, instanceId: InstanceId | null = null): Promise<LogLine[]> {
    return this.#enqueue(async () => (await this.#past(count, instanceId)).lines);
  }

  /** The last lines of an instance, as far as the newest part of the log has them: what is cheap for many at once. */
  recent(count: number, instanceId: InstanceId): Promise<LogLine[]> {
    return this.#enqueue(async () => {
      await this.#write().catch(() => {});
      const { text } = await readEnd(this.#file(0), recentBytes);
      const written = text.split('\n').flatMap((line) => parseLine(line) ?? []);
      const all = [...written, ...this.#pending.map(({ entry }) => entry)];
      return all.filter((one) => one.instanceId === instanceId).slice(-count);
    });
  }

  /** The last `last` lines and then whatever comes, until the signal. A follower that is too slow is told how much it missed. */
  async *follow(signal: AbortSignal, last = 0): AsyncGenerator<LogLine, void, void> {
    const arrived: Numbered[] = [];
    let missed = 0;
    let wake: () => void = () => {};
    const take = (one: Numbered) => {
      if (arrived.length >= this.#bounds.queueLines) missed += 1;
      else arrived.push(one);
      wake();
    };
    const stop = () => wake();
    this.#followers.add(take);
    signal.addEventListener('abort', stop);
    try {
      const { lines: past, seenSeq } = await this.#enqueue(() => this.#past(last, null));
      for (const entry of past) {
        if (signal.aborted) return;
        yield entry;
      }
      while (!signal.aborted) {
        const batch = arrived.splice(0);
        for (const { seq, entry } of batch) {
          if (signal.aborted) return;
          if (seq > seenSeq) yield entry;
        }
        const lastEntry = batch.at(-1)?.entry;
        if (missed > 0 && lastEntry !== undefined) {
          yield { ...lastEntry, line: `${missed} lines dropped` };
          missed = 0;
        }
        if (arrived.length > 0 || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#followers.delete(take);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Room is short: the pieces before the newest go. */
  dropOld(): Promise<void> {
    return this.#enqueue(async () => {
      for (let at = 1; at < this.#bounds.files; at += 1) await rm(this.#file(at), { force: true });
    });
  }

  /** Writes what is pending. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#windows.keys()]) this.instanceEnded(id);
    await this.#enqueue(() => this.#write());
  }

  #reportDropped(window: Window, atMs: number): void {
    if (window.dropped > 0) this.#take({ ...window.last, atMs, line: `${window.dropped} lines dropped` });
    window.dropped = 0;
  }

  #take(entry: LogLine): void {
    this.#seq += 1;
    const one = { seq: this.#seq, entry };
    this.#pending.push(one);
    for (const follower of this.#followers) follower(one);
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    // A write that fails (disk full) keeps its lines for the next one; dispose reports.
    this.#enqueue(() => this.#write()).catch(() => {});
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Writes what is pending. What cannot be written is kept for the next write, up to a bound; beyond it is counted. */
  async #write(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    this.#flushIsDue = false;
    try {
      if (this.#lost > 0 && batch.length > 0) {
        const told = batch.at(-1)!.entry;
        await this.#append([{ seq: batch[0]!.seq - 1, entry: { ...told, line: `${this.#lost} lines lost: no room` } }]);
        this.#lost = 0;
      }
      await this.#append(batch);
    } catch (error) {
      const unwritten = batch.filter(({ seq }) => seq > this.#writtenSeq);
      const kept = [...unwritten, ...this.#pending].slice(-this.#bounds.keptLines);
      this.#lost += unwritten.length + this.#pending.length - kept.length;
      this.#pending = kept;
      throw error;
    }
  }

  async #append(batch: readonly Numbered[]): Promise<void> {
    let text = '';
    let textBytes = 0;
    let lastSeq = this.#writtenSeq;
    const flush = async () => {
      if (text !== '') await this.#put(text);
      this.#bytes += textBytes;
      this.#writtenSeq = Math.max(this.#writtenSeq, lastSeq);
      text = '';
      textBytes = 0;
    };
    for (const { seq, entry } of batch) {
      const line = `${JSON.stringify(entry)}\n`;
      const bytes = Buffer.byteLength(line);
      if (this.#bytes + textBytes > 0 && this.#bytes + textBytes + bytes > this.#bounds.fileBytes) {
        await flush();
        await this.#rotate();
      }
      text += line;
      textBytes += bytes;
      lastSeq = seq;
    }
    await flush();
  }

  /** A disk that fills up takes the first part of what it is given: that line is ended before anything else is written. */
  async #put(text: string): Promise<void> {
    try {
      await appendFile(this.#file(0), this.#isCut ? `\n${text}` : text, { mode: 0o600 });
      this.#isCut = false;
    } catch (error) {
      this.#isCut = true;
      throw error;
    }
  }

  /** What was written and what still waits, up to the line `seenSeq`. */
  async #past(count: number, instanceId: InstanceId | null): Promise<{ lines: LogLine[]; seenSeq: number }> {
    await this.#write().catch(() => {});
    const written = await this.#readLast(count, instanceId);
    const waiting = this.#pending;
    const ours = waiting
      .map(({ entry }) => entry)
      .filter((one) => instanceId === null || one.instanceId === instanceId);
    const lines = count === 0 ? [] : [...written, ...ours].slice(-count);
    return { lines, seenSeq: waiting.at(-1)?.seq ?? this.#writtenSeq };
  }

  async #rotate(): Promise<void> {
    const at = isArmed ? enter('log.rotate') : null;
    await rm(this.#file(this.#bounds.files - 1), { force: true });
    for (let at = this.#bounds.files - 2; at >= 0; at -= 1) {
      await rename(this.#file(at), this.#file(at + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    this.#bytes = 0;
    if (isArmed) leave(at);
  }

  async #readLast(count: number, instanceId: InstanceId | null): Promise<LogLine[]> {
    const found: LogLine[] = [];
    for (let at = 0; at < this.#bounds.files && found.length < count; at += 1) {
      const lines = (await readOrEmpty(this.#file(at))).split('\n');
      for (let index = lines.length - 1; index >= 0 && found.length < count; index -= 1) {
        const entry = parseLine(lines[index]!);
        if (entry !== null && (instanceId === null || entry.instanceId === instanceId)) found.push(entry);
      }
    }
    return found.reverse();
  }

  #file(at: number): string {
    return join(this.#folder, at === 0 ? 'app.log' : `app.log.${at}`);
  }
}
