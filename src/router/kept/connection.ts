// One connection to one instance that is used again and again, for requests without a body. Node's own client costs more than
// everything else that the router does for a request; this one knows one request at a time, parses strictly, and reads into a
// buffer that all connections share.
//
//   connecting ──► waiting ──► body ──► idle ──► waiting …
//   Each has a deadline but `body` (there the client's own connection is watched). Whatever was not foreseen (a byte while
//   idle, one more byte than the answer has, a header that can be read in two ways) ends the connection.
import { connect, type Socket } from 'node:net';
import type { Upstream } from '../../domain/route.ts';
import type { AnswerSink } from '../answer.ts';
import type { DialFailure, DialHandlers } from '../dial-outcome.ts';
import type { LCode } from '../l-codes.ts';
import { type AnswerHead, readHead } from './answer-head.ts';
import { type Chunks, createChunks } from './chunks.ts';

export type ConnectionLimits = { connectMs: number; firstByteMs: number; idleMs: number; headerBytes: number };
/** `text` is the whole request, in Latin-1. */
export type KeptRequest = { method: string; text: string };
type Handlers = Pick<DialHandlers, 'answered' | 'failed'>;
type Asked = { request: KeptRequest; on: Handlers; isReused: boolean; isUntouched: boolean };

/** All reads of the process end here, and are used up before the next. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);
const endOfHead = Buffer.from('\r\n\r\n');
/** Answers like 103 that come before the answer. */
const mostInterim = 16;

export class KeptConnection {
  readonly #limits: ConnectionLimits;
  readonly #socket: Socket;
  readonly #rested: (connection: KeptConnection) => void;
  #timer: NodeJS.Timeout;
  #phase: 'connecting' | 'waiting' | 'body' | 'idle' = 'connecting';
  #deadlineAt: number;
  #asked: Asked | null = null;
  /** The beginning of a header that is not whole. */
  #rest: Buffer | null = null;
  #interim = 0;
  #sink: AnswerSink | null = null;
  #left: number | Chunks = 0;
  #isKept = false;
  #problem = 'closed';

  /**
   * @param rested it is idle and may be used again
   * @param gone it is closed, with nothing under way
   */
  constructor(
    upstream: Upstream,
    limits: ConnectionLimits,
    rested: (connection: KeptConnection) => void,
    gone: (connection: KeptConnection) => void,
  ) {
    this.#limits = limits;
    this.#rested = rested;
    this.#deadlineAt = performance.now() + limits.connectMs;
    this.#socket = connect({
      host: upstream.host,
      port: upstream.port,
      noDelay: true,
      onread: { buffer: shared, callback: (count) => this.#received(count) },
    });
    this.#timer = this.#watch(limits.connectMs);
    this.#socket.once('connect', () => this.#send());
    this.#socket.on('error', (error) => {
      this.#problem = error.message;
    });
    this.#socket.once('end', () => this.#ended());
    this.#socket.once('close', () => {
      clearTimeout(this.#timer);
      this.#fail(this.#phase === 'connecting' ? 'L07' : 'L11', this.#problem);
      gone(this);
    });
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /**
   * The connection is new or idle. Exactly one of `answered` and `failed` is called, unless it is abandoned first.
   * @returns lets go of the request: a connection whose answer is not whole is closed
   */
  ask(request: KeptRequest, on: Handlers): () => void {
    const asked: Asked = { request, on, isReused: this.#phase === 'idle', isUntouched: true };
    this.#asked = asked;
    if (asked.isReused) this.#send();
    return () => {
      if (this.#asked !== asked) return;
      this.#asked = null;
      this.#sink = null;
      this.#socket.destroy();
    };
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #send(): void {
    if (this.#asked === null) return void this.#socket.destroy();
    this.#phase = 'waiting';
    this.#deadlineAt = performance.now() + this.#limits.firstByteMs;
    this.#interim = 0;
    this.#socket.write(this.#asked.request.text, 'latin1');
  }

  /** One timer for all deadlines: it fires no later than the shortest of them after whatever set the last. */
  #watch(forMs: number): NodeJS.Timeout {
    const { connectMs, firstByteMs, idleMs } = this.#limits;
    const shortest = Math.min(connectMs, firstByteMs, idleMs);
    return setTimeout(
      () => {
        const leftMs = this.#deadlineAt - performance.now();
        if (leftMs > 0) this.#timer = this.#watch(leftMs);
        // A router that stood still itself hears of the deadline before it hears of what has come: it looks once more.
        else setImmediate(() => this.#isLate());
      },
      Math.max(1, Math.min(forMs, shortest)),
    ).unref();
  }

  #isLate(): void {
    if (this.#socket.destroyed) return;
    const leftMs = this.#deadlineAt - performance.now();
    if (leftMs > 0) this.#timer = this.#watch(leftMs);
    else this.#expired();
  }

  #expired(): void {
    if (this.#phase === 'connecting') this.#fail('L08', 'connect timed out');
    else if (this.#phase === 'waiting') this.#fail('L09', 'no first byte in time', 'sent');
    this.#socket.destroy();
  }

  /** @returns false: nothing more is read until `resume` */
  #received(count: number): boolean {
    const asked = this.#asked;
    if (asked === null || this.#phase === 'idle') {
      this.#socket.destroy();
      return true;
    }
    if (this.#phase === 'body') return this.#body(shared, 0, count);
    asked.isUntouched = false;
    if (this.#rest === null) return this.#head(asked, shared, count);
    const bytes = Buffer.concat([this.#rest, shared.subarray(0, count)]);
    this.#rest = null;
    return this.#head(asked, bytes, bytes.length);
  }

  #head(asked: Asked, bytes: Buffer, end: number): boolean {
    for (let start = 0; ; ) {
      const at = bytes.indexOf(endOfHead, start);
      const isWhole = at >= 0 && at + endOfHead.length <= end;
      if ((isWhole ? at : end) - start > this.#limits.headerBytes) return this.#fail('L10', 'the header is too large');
      if (!isWhole) {
        if (!beginsLikeHttp(bytes, start, end)) return this.#fail('L10', 'it does not speak HTTP/1');
        this.#rest = start < end ? copyOf(bytes, start, end) : null;
        return true;
      }
      let head: AnswerHead;
      try {
        head = readHead(bytes.toString('latin1', start, at), asked.request.method);
      } catch (error) {
        return this.#fail('L10', (error as Error).message);
      }
      start = at + endOfHead.length;
      if (head.status >= 200) return this.#begin(asked, head, bytes, start, end);
      if (head.status === 101) return this.#fail('L11', 'it speaks another protocol unasked');
      this.#interim += 1;
      if (this.#interim > mostInterim) return this.#fail('L10', 'too many answers before the answer');
    }
  }

  #begin(asked: Asked, head: AnswerHead, bytes: Buffer, start: number, end: number): boolean {
    const { status, reason, rawHeaders, framing } = head;
    const chunks = framing === 'chunked' ? createChunks() : null;
    // What came with the header is read before anybody hears of the answer: as long as nothing was said, its fault can be told.
    let first: FirstChunks | null = null;
    try {
      if (chunks !== null && start < end) first = readFirst(chunks, bytes, start, end);
    } catch (error) {
      return this.#fail('L10', (error as Error).message);
    }
    this.#phase = 'body';
    this.#deadlineAt = Number.POSITIVE_INFINITY;
    this.#isKept = head.isKept;
    this.#left = chunks ?? (framing === 'close' ? Number.POSITIVE_INFINITY : Number(framing));
    asked.on.answered({
      status,
      reason,
      rawHeaders,
      isWhole: typeof framing === 'number' && framing <= end - start,
      read: (sink) => {
        this.#sink = sink;
      },
      resume: () => void this.#socket.resume(),
    });
    // It may have been abandoned, or refused, over its header.
    if (this.#asked !== asked || this.#sink === null) return true;
    if (first !== null) return this.#firstChunks(first, this.#sink, bytes, end);
    if (framing !== 0) return start < end ? this.#body(bytes, start, end) : true;
    this.#whole(start < end)?.end();
    return true;
  }

  #body(bytes: Buffer, start: number, end: number): boolean {
    const sink = this.#sink!;
    if (typeof this.#left !== 'number') return this.#chunked(this.#left, sink, bytes, start, end);
    const to = Math.min(end, start + this.#left);
    this.#left -= to - start;
    const piece = copyOf(bytes, start, to);
    if (this.#left > 0) return sink.piece(piece, false);
    this.#whole(to < end)?.piece(piece, true);
    return true;
  }

  #firstChunks({ pieces, endedAt }: FirstChunks, sink: AnswerSink, bytes: Buffer, end: number): boolean {
    let isRoom = true;
    for (const [from, to] of pieces) isRoom = sink.piece(copyOf(bytes, from, to), false);
    if (endedAt < 0) return isRoom || this.#asked === null;
    this.#whole(endedAt < end)?.end();
    return true;
  }

  #chunked(chunks: Chunks, sink: AnswerSink, bytes: Buffer, start: number, end: number): boolean {
    let isRoom = true;
    let endedAt: number;
    try {
      endedAt = chunks.read(bytes, start, end, (from, to) => {
        isRoom = sink.piece(copyOf(bytes, from, to), false);
      });
    } catch (error) {
      return this.#fail('L10', (error as Error).message);
    }
    if (endedAt < 0) return isRoom || this.#asked === null;
    this.#whole(endedAt < end)?.end();
    return true;
  }

  /** The answer is whole; whoever takes its last piece finds the connection idle or closed. */
  #whole(hasMore: boolean): AnswerSink | null {
    const sink = this.#sink;
    this.#asked = null;
    this.#sink = null;
    this.#phase = 'idle';
    this.#deadlineAt = performance.now() + this.#limits.idleMs;
    if (this.#isKept && !hasMore) this.#rested(this);
    else this.#socket.destroy();
    return sink;
  }

  #ended(): void {
    if (this.#phase === 'body' && this.#left === Number.POSITIVE_INFINITY) this.#whole(true)?.end();
    else this.#socket.destroy();
  }

  #fail(code: LCode, detail: string, reach: DialFailure['reach'] | null = null): true {
    const asked = this.#asked;
    const sink = this.#sink;
    this.#asked = null;
    this.#sink = null;
    if (!this.#socket.destroyed) this.#socket.destroy();
    if (asked === null) return true;
    if (this.#phase === 'body') sink?.cut();
    else asked.on.failed({ code, detail, reach: reach ?? this.#reachOf(asked) });
    return true;
  }

  #reachOf(asked: Asked): DialFailure['reach'] {
    if (this.#phase === 'connecting') return 'unsent';
    return asked.isReused && asked.isUntouched ? 'stale' : 'sent';
  }
}

/** Where in what was read the pieces are, and where the body ended; -1: it goes on. */
type FirstChunks = { pieces: readonly (readonly [number, number])[]; endedAt: number };

/** @throws when it is not a chunked body */
function readFirst(chunks: Chunks, bytes: Buffer, start: number, end: number): FirstChunks {
  const pieces: [number, number][] = [];
  const endedAt = chunks.read(bytes, start, end, (from, to) => pieces.push([from, to]));
  return { pieces, endedAt };
}

function beginsLikeHttp(bytes: Buffer, start: number, end: number): boolean {
  return 'HTTP/1.'.startsWith(bytes.toString('latin1', start, Math.min(end, start + 7)));
}

/** A piece of its own: what it was read into is used again at once. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
