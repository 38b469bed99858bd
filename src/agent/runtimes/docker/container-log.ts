// Reads a container's log as lines, from where the last reader stopped, for as long as the container is there: over breaks of the connection,
// restarts of the engine and of the agent. The engine keeps what was said meanwhile (up to its limit). Where reading has got to is kept on disk
// beside the reading: a reader that was killed may tell the lines of its last moment once more, and none is lost.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';
import { EngineRefusal } from '../../engine/stream.ts';
import { appCaptureCaps, type Capture } from '../../process/capture.ts';
import { lineSplitter } from '../../process/line-splitter.ts';
import { type ReadBudget, sharedBudget } from '../../process/read-budget.ts';
import type { OutputSink } from '../runtime.ts';
import { type LogMessage, type LogPosition, logFrames, sinceOf } from './log-frames.ts';

const keepEveryMs = 200;
const [firstBackOffMs, longestBackOffMs] = [20, 1000];
/** Of a line that comes in pieces. */
const mostHeldBytes = appCaptureCaps.lineBytes;
/** The engine does not answer, and nothing writes any more. */
const lastTries = 3;

export type ContainerLogSpec = {
  engine: Engine;
  container: string;
  /** Where the position is kept. */
  file: string;
  sink: OutputSink;
  /** Settles when nothing writes any more. */
  over: Promise<unknown>;
  budget?: ReadBudget;
};

export function readContainerLog({
  engine,
  container,
  file,
  sink,
  over,
  budget = sharedBudget,
}: ContainerLogSpec): Capture {
  const end = new AbortController();
  const lines = lineSplitter(sink, appCaptureCaps, () => performance.now());
  const held = new Map<number, Buffer[]>();
  let position = readPosition(file);
  let keepTimer: NodeJS.Timeout | null = null;
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });

  const keep = (): void => {
    if (keepTimer !== null) clearTimeout(keepTimer);
    keepTimer = null;
    try {
      if (position !== null) writeFileSync(file, JSON.stringify(position), { mode: 0o600 });
    } catch {
      // Without room for it the next reader tells some lines again.
    }
  };

  /** What comes at the moment of the last position was taken, as often as it counts. */
  let toSkip: LogPosition | null = null;
  const take = ({ stream, at, bytes }: LogMessage): void => {
    if (toSkip !== null && toSkip.at === at && toSkip.taken > 0) {
      toSkip.taken -= 1;
      return;
    }
    toSkip = null;
    position = position?.at === at ? { at, taken: position.taken + 1 } : { at, taken: 1 };
    keepTimer ??= setTimeout(keep, keepEveryMs).unref();
    const pieces = held.get(stream) ?? [];
    pieces.push(bytes);
    held.set(stream, pieces);
    const isWhole = bytes[bytes.length - 1] === 10;
    if (!isWhole && pieces.reduce((sum, { length }) => sum + length, 0) < mostHeldBytes) return;
    held.delete(stream);
    for (const piece of pieces) lines.push(piece);
  };

  const readOnce = async (): Promise<void> => {
    const since = position === null ? null : sinceOf(position.at);
    toSkip = since === null ? null : { ...position! };
    const query = new URLSearchParams({
      ...{ follow: '1', stdout: '1', stderr: '1', timestamps: '1' },
      ...(since === null ? {} : { since }),
    });
    const answer = await engine.bytes(`/containers/${container}/logs?${query}`, end.signal);
    const push = logFrames(take);
    const reader = { window: 0, spent: 0, rested: () => void answer.resume() };
    const done = Promise.withResolvers<void>();
    answer.on('data', (chunk: Buffer) => {
      try {
        push(chunk);
      } catch (error) {
        answer.destroy(error as Error);
      }
      if (!budget.spend(reader, chunk.length)) answer.pause();
    });
    answer.once('end', done.resolve);
    answer.once('error', done.reject);
    answer.once('close', done.resolve);
    await done.promise;
  };

  const read = async (): Promise<void> => {
    let backOffMs = firstBackOffMs;
    let failed = 0;
    while (!end.signal.aborted) {
      // Only what was read from its beginning to its end after the last word is all of it.
      const wasOver = isOver;
      try {
        await readOnce();
        failed = 0;
        backOffMs = firstBackOffMs;
        if (wasOver) return;
      } catch (error) {
        if (end.signal.aborted || (error instanceof EngineRefusal && error.status === 404)) return;
        failed += 1;
        if (wasOver && failed >= lastTries) return;
      }
      await Promise.race([over, pause(backOffMs, undefined, { signal: end.signal, ref: false })]).catch(() => {});
      if (failed > 0 && isOver) await pause(backOffMs, undefined, { signal: end.signal, ref: false }).catch(() => {});
      backOffMs = Math.min(longestBackOffMs, backOffMs * 2);
    }
  };

  const ended = read().then(() => {
    for (const pieces of held.values()) for (const piece of pieces) lines.push(piece);
    lines.end();
    keep();
  });
  return { ended, stop: () => end.abort() };
}

function readPosition(file: string): LogPosition | null {
  try {
    const { at, taken } = JSON.parse(readFileSync(file, 'utf8')) as Partial<LogPosition>;
    return typeof at === 'string' && typeof taken === 'number' ? { at, taken } : null;
  } catch {
    return null; // none was kept
  }
}

export const forgetPosition = (file: string): void => rmSync(file, { force: true });
