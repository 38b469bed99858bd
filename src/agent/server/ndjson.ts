// Streams: JSON, one value a line, and bytes. An error before the first line is an ordinary error answer; after it, a last line
// `{"error": …}`. A reader that takes nothing for long is let go.
import type { IncomingMessage, ServerResponse } from 'node:http';

const stuckMs = 30_000;

const restMs = 10_000;

/** Sends what comes until it ends or the reader is gone. @throws what `values` throws before its first value */
export async function sendLines(
  response: ServerResponse,
  values: AsyncIterable<unknown>,
  toError: (error: unknown) => unknown,
): Promise<void> {
  try {
    for await (const value of values) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      if (response.destroyed) return;
      if (!response.write(`${JSON.stringify(value)}\n`)) await room(response);
    }
  } catch (error) {
    if (!response.headersSent) throw error;
    response.write(`${JSON.stringify({ error: toError(error) })}\n`);
  }
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  await dropRest(response.req);
  response.end();
}

/**
 * An answer may be whole before the question is (an image that is there needs no context). A connection that closed then would break off a
 * sender in its writing, who would lose the answer with it: so the rest is taken first, for a while, and dropped.
 */
async function dropRest(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const limit = AbortSignal.timeout(restMs);
  const rest = (async () => {
    for await (const _ of request as AsyncIterable<Buffer>) if (limit.aborted) return;
  })().catch(() => {}); // the sender has heard what it wanted
  await Promise.race([rest, new Promise((resolve) => limit.addEventListener('abort', resolve, { once: true }))]);
}

/** Bytes as they come. An error on the way ends the connection, so that no part is taken for the whole. */
export async function sendBytes(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', ...headers });
  for await (const chunk of chunks) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await room(response);
  }
  response.end();
}

function room(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), stuckMs);
    const done = () => {
      clearTimeout(timer);
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}
