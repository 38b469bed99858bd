// How a request to an upstream can end, whichever connection it went by.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Answer } from './answer.ts';
import type { LCode } from './l-codes.ts';

/**
 * `unsent`: no byte of the request left us. `stale`: a connection that had served before was closed with no byte of an
 * answer (the upstream had let go of it). `sent`: anything else; the upstream may have acted on the request.
 */
export type DialFailure = { code: LCode; detail: string; reach: 'unsent' | 'stale' | 'sent' };

/** Exactly one of `answered`, `upgraded`, `failed` is called; `failed` also when the caller destroys the request first. */
export type DialHandlers = {
  connected(): void;
  answered(answer: Answer): void;
  upgraded?(answer: IncomingMessage, socket: Duplex, first: Buffer): void;
  failed(failure: DialFailure): void;
};
