// Every answer that the router itself makes: a closed list, each with a code that stands in the header, in the log line
// and as the name of a page in the docs. It never tells anything of the inside (addresses, ports, ids of instances).
type LEntry = { status: number; title: string; advice: string; retryAfterS?: number };

export const lCodes = {
  L01: {
    status: 503,
    title: 'The router has no routes yet',
    advice: 'It is starting. Try again in a moment.',
    retryAfterS: 1,
  },
  L02: {
    status: 400,
    title: 'Not a request that can be routed',
    advice: 'Send one Host header and a path that begins with "/".',
  },
  L03: { status: 404, title: 'No app has this address', advice: 'Check the name, or push an app of that name.' },
  L04: {
    status: 503,
    title: 'The app has no release yet',
    advice: 'Push to its main branch; the first release goes live here.',
    retryAfterS: 5,
  },
  L05: {
    status: 503,
    title: 'The app did not start in time',
    advice: 'Look at its logs, then try again.',
    retryAfterS: 5,
  },
  L06: { status: 503, title: 'The app is stopped', advice: 'Start it again to serve it.' },
  L07: {
    status: 502,
    title: 'The app refused the connection',
    advice: 'Look at its logs: it may have exited.',
    retryAfterS: 1,
  },
  L08: {
    status: 504,
    title: 'The app did not accept the connection in time',
    advice: 'It may be overloaded. Look at its logs.',
  },
  L09: { status: 504, title: 'The app did not answer in time', advice: 'Do long work outside of the request.' },
  L10: {
    status: 502,
    title: 'The app sent something that is not HTTP',
    advice: 'Look at its logs, and at what it listens with.',
  },
  L11: {
    status: 502,
    title: 'The app closed the connection before it answered',
    advice: 'Look at its logs: it may have crashed.',
  },
  L12: { status: 431, title: 'The header is too large', advice: 'Send smaller cookies or fewer headers.' },
  L13: { status: 408, title: 'The header took too long to arrive', advice: 'Try again.' },
  L14: { status: 408, title: 'The body stopped arriving', advice: 'Try again.' },
  L15: {
    status: 503,
    title: 'As many requests as may be served at once are being served',
    advice: 'Try again in a moment.',
    retryAfterS: 1,
  },
  L16: {
    status: 502,
    title: 'The platform is restarting',
    advice: 'Apps go on serving. Try again in a moment.',
    retryAfterS: 1,
  },
  L17: { status: 500, title: 'The router failed', advice: 'The log has the details under this request id.' },
  L18: { status: 414, title: 'The address is too long', advice: 'Send what is long in the body.' },
  L19: {
    status: 503,
    title: 'The app was replaced before it answered',
    advice: 'Its newer release serves now. It may have acted on the request: look before sending it again.',
    retryAfterS: 1,
  },
} as const satisfies Record<string, LEntry>;

export type LCode = keyof typeof lCodes;

export type LAnswer = { status: number; headers: string[]; body: string };

/**
 * The whole answer for a code: HTML or JSON when `accept` asks for it, else plain text.
 * @param about.release what `x-lockstep-release` says, null when there is none
 * @param about.requestId of a harmless form: it stands in the body
 */
export function lAnswer(code: LCode, about: { accept: string; release: string | null; requestId: string }): LAnswer {
  const entry: LEntry = lCodes[code];
  const [type, body] = bodyOf(code, entry, about.accept, about.requestId);
  const headers = ['content-type', type, 'content-length', String(Buffer.byteLength(body))];
  headers.push('cache-control', 'no-store', 'x-content-type-options', 'nosniff');
  headers.push('x-lockstep-code', code, 'x-lockstep-release', about.release ?? 'none', 'x-request-id', about.requestId);
  if (entry.retryAfterS !== undefined) headers.push('retry-after', String(entry.retryAfterS));
  return { status: entry.status, headers, body };
}

function bodyOf(code: LCode, entry: LEntry, accept: string, requestId: string): [type: string, body: string] {
  const { status, title, advice } = entry;
  const lines = [`${title}.`, advice, `${code}, request ${requestId}`];
  if (accept.includes('text/html')) {
    const paragraphs = lines.map((line) => `<p>${escapeHtml(line)}</p>`).join('');
    const head = `<meta charset="utf-8"><title>${escapeHtml(title)}</title>`;
    return ['text/html; charset=utf-8', `<!doctype html><html lang="en">${head}${paragraphs}</html>\n`];
  }
  if (/[/+]json\b/.test(accept)) {
    const problem = { title, status, detail: advice, code, requestId };
    return ['application/problem+json', `${JSON.stringify(problem)}\n`];
  }
  return ['text/plain; charset=utf-8', `${lines.join('\n')}\n`];
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text made safe inside HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
