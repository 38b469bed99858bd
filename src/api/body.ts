// A request's body: at most 1 MiB, JSON in UTF-8, nothing else. What an idempotency key is bound to are these bytes.
import { fail } from '../domain/errors.ts';

export const bodyBytes = 1024 * 1024;

/** The whole body. @throws too-large as soon as it is known, without reading the rest */
export async function readBody(request: Request): Promise<Buffer> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > bodyBytes) throw tooLarge();
  if (request.body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > bodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads and drops a body that nobody read, as far as one may be sent and no longer than `limitMs`: an answer that comes
 * while the client still writes closes the connection under it, and the client sees that instead of the answer.
 */
export async function dropBody(request: Request, limitMs = 2000): Promise<void> {
  if (request.bodyUsed || request.body === null) return;
  const reader = request.body.getReader();
  const late = setTimeout(() => void reader.cancel().catch(() => {}), limitMs);
  try {
    for (let left = bodyBytes; left >= 0; ) {
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
