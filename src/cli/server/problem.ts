// What a server answers when it refuses (RFC 9457) becomes the same typed error that the server threw, so that exit codes
// and advice are those of the one registry. The router's own answers (L-codes) are told as such. An answer that is no problem document says that something else listens there.
import { type ErrorCode, errorRegistry, fail, type LockstepError } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';

const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'bad-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  413: 'too-large',
  502: 'router-away',
  503: 'agent-away',
  504: 'timed-out',
};

/** The error that an answer other than 2xx stands for. */
export function problemOf(status: number, contentType: string, body: string, url: string): LockstepError {
  const document = contentType.includes('json') ? parseObject(body) : null;
  const code = knownCode(document?.code) ?? byStatus[status] ?? (status === 422 ? 'bad-request' : 'internal');
  if (!document) {
    return fail(code, `${url} answered ${status}: ${printable(body.trim() || 'nothing')}`, {
      advice: status >= 500 ? 'Try again in a moment; see: lockstep status' : 'Is this address a Lockstep? Check it.',
    });
  }
  if (typeof document.code === 'string' && /^L\d{2}$/.test(document.code)) {
    const { title, detail, code: lCode, requestId } = document;
    return fail(code, `${printable(String(title))} (${lCode}, request ${printable(String(requestId))})`, {
      advice: printable(String(detail)),
    });
  }
  const text = (key: string) => (typeof document[key] === 'string' ? (document[key] as string) : null);
  const advice = text('advice') ?? (code === 'unauthenticated' ? `Log in: lockstep login ${url}` : null);
  return fail(code, text('detail') ?? text('title') ?? errorRegistry[code].title, { advice, details: document });
}

function parseObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function knownCode(code: unknown): ErrorCode | null {
  return typeof code === 'string' && Object.hasOwn(errorRegistry, code) ? (code as ErrorCode) : null;
}
