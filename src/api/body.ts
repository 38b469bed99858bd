// A request's body: at most 1 MiB, JSON in UTF-8, nothing else. What an idempotency key is bound to are these bytes.
import { fail } from '../domain/errors.ts';

const bodyBytes = 1024 * 1024;

/** So much of a body that says how long it is, and is refused, is still taken and dropped; one that does not may have no end, and is heard out after the answer. */
const droppedBytes = 64 * 1024 * 1024;
const droppedMs = 2000;

/** The whole body. @throws too-large; what was declared is dropped then, as `dropBody` does */
export async function readBody(request: Request): Promise<Buffer> {
  if (request.body === null) return Buffer.alloc(0);
  const declared = Number(request.headers.get('content-length') ?? 0);
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; declared <= bodyBytes; ) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    bytes += value.length;
    if (bytes > bodyBytes) break;
    chunks.push(value);
  }
  if (declared > bodyBytes) await dropRest(reader, droppedMs);
  // Not cancelled: that would close the connection before the answer.
  else reader.releaseLock();
  throw tooLarge();
}

/**
 * Reads and drops a body that nobody read, as far as there is an end to it and no longer than `limitMs`: an answer that comes
 * while the client still writes closes the connection under it, and the client sees that instead of the answer.
 */
export async function dropBody(request: Request, limitMs = droppedMs): Promise<void> {
  if (request.bodyUsed || request.body === null) return;
  await dropRest(request.body.getReader(), limitMs);
}

async function dropRest(reader: ReadableStreamDefaultReader<Uint8Array>, limitMs: number): Promise<void> {
  const late = setTimeout(() => void reader.cancel().catch(() => {}), limitMs);
  try {
    for (let left = droppedBytes; left >= 0; ) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    await reader.cancel();
  } catch {
    // The client has gone; there is nobody to answer.
  } finally {
    clearTimeout(late);
  }
}

function tooLarge() {
  return fail('too-large', `the body is larger than ${bodyBytes} bytes`, { advice: 'Send less in one request.' });
}

/**
 * The value that the body holds; an empty body is `{}`.
 * @throws bad-request for another content type, bad UTF-8, malformed JSON
 */
export function parseJson(bytes: Buffer, contentType: string | null): unknown {
  if (bytes.length === 0) return {};
  if (!/^application\/json *(?:; *charset="?utf-8"?)? *$/i.test(contentType ?? '')) {
    throw fail('bad-request', 'the body is not declared as JSON', { advice: 'Send "Content-Type: application/json".' });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), refuseProto);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it cannot be read';
    throw fail('bad-request', `the body is not JSON: ${printableLine(why)}`, {
      advice: 'Send one JSON object in UTF-8.',
    });
  }
}

/** Schemas would drop this key in silence; it is refused aloud. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('the key "__proto__" is not taken');
  return value;
}

/** Untrusted text as one line that is safe to show, cut at 300 characters. */
export function printableLine(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return clean.length > 300 ? `${clean.slice(0, 297)}...` : clean;
}
