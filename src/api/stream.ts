// Server-sent events from an async iterable. Pulled by the reader: nothing is asked of the source that the client has
// not taken, so nothing piles up here. While the source is silent a comment line says that the connection lives. Ends
// when the source does, when the client goes (the source's signal aborts), or when the token is no longer good.
import type { StreamEvent } from './answer.ts';

export type StreamOptions = {
  /** Aborts when the client has gone. */
  signal: AbortSignal;
  /** A comment line after so much silence; the token is asked about again as often. */
  beatMs: number;
  /** How long the first event (or a refusal) is waited for before the headers go out. */
  graceMs: number;
  /** Throws when the token is no longer good. */
  check: () => void;
  /** The last event of a stream that broke. */
  toEvent: (error: unknown) => StreamEvent;
  /** Called once, when the stream is over for whatever reason. */
  onEnd: () => void;
};

/** One event in the stream's own form. JSON holds no line break, so one data line does. */
function encodeEvent({ event, data, id }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

const silence = Symbol('silence');

/**
 * Starts the source and gives the response's body.
 * @throws what the source throws before its first event, when it does so within `graceMs`: then it is an HTTP error
 */
export async function openStream(
  source: (signal: AbortSignal) => AsyncIterable<StreamEvent>,
  options: StreamOptions,
): Promise<ReadableStream<Uint8Array>> {
  const gone = new AbortController();
  const iterator = source(gone.signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<StreamEvent>> | null = null;
  let askedAt = performance.now();

  const take = (): Promise<IteratorResult<StreamEvent>> => {
    next ??= iterator.next();
    return next;
  };
  const end = (): void => {
    if (gone.signal.aborted) return;
    options.signal.removeEventListener('abort', end);
    gone.abort();
    // Not awaited: a source that waits for its signal ends in its own time.
    iterator.return?.().then(undefined, () => {});
    options.onEnd();
  };
  if (options.signal.aborted) end();
  else options.signal.addEventListener('abort', end, { once: true });

  try {
    await within(take(), options.graceMs, gone.signal);
  } catch (error) {
    end();
    throw error;
  }

  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    let text: string;
    try {
      const outcome = await within(take(), options.beatMs, gone.signal);
      if (performance.now() - askedAt >= options.beatMs) {
        askedAt = performance.now();
        options.check();
      }
      if (gone.signal.aborted) return finish(controller);
      if (outcome === silence) text = ': beat\n\n';
      else if (outcome.done) return finish(controller);
      else {
        next = null;
        text = encodeEvent(outcome.value);
      }
    } catch (error) {
      if (!gone.signal.aborted) controller.enqueue(encoder.encode(encodeEvent(options.toEvent(error))));
      return finish(controller);
    }
    controller.enqueue(encoder.encode(text));
  };
  const finish = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    end();
    controller.close();
  };
  return new ReadableStream<Uint8Array>({ pull, cancel: end }, { highWaterMark: 0 });
}

/** What the promise gives, or `silence` when that takes longer than `ms` or the signal aborts. */
async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T | typeof silence> {
  const { promise: quiet, resolve } = Promise.withResolvers<typeof silence>();
  const stop = (): void => resolve(silence);
  const timer = setTimeout(stop, ms);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, quiet]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
