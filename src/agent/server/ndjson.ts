// Streams: JSON, one value a line, and bytes. An error before the first line is an ordinary error answer; after it, a last line
// `{"error": …}`. A reader that takes nothing for long is let go.
import type { ServerResponse } from 'node:http';

const stuckMs = 30_000;

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
  response.end();
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
