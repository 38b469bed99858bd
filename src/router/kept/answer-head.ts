// The header of an answer, read strictly: what could be understood in two ways is refused (RFC 9112), so that an app and the
// router never disagree about where an answer ends on a connection that is used again.

/** How the body ends: after so many bytes, with its last chunk, or with the connection. */
export type BodyFraming = number | 'chunked' | 'close';

export type AnswerHead = {
  status: number;
  reason: string;
  rawHeaders: string[];
  framing: BodyFraming;
  /** The connection may be used again after the body. */
  isKept: boolean;
};

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * @param text in Latin-1, without the empty line that ends it
 * @param method of the request: the answer to HEAD has no body
 * @throws when it is not a header that can be read in one way only
 */
export function readHead(text: string, method: string): AnswerHead {
  const lines = text.split('\r\n');
  const first = statusLine.exec(lines[0]!);
  if (first === null) throw new Error('not a status line of HTTP/1');
  const status = Number(first[2]);
  const rawHeaders: string[] = [];
  let length: string | null = null;
  let coding: string | null = null;
  let connection = '';
  for (let at = 1; at < lines.length; at += 1) {
    const line = headerLine.exec(lines[at]!);
    if (line === null) throw new Error('not a header line');
    const name = line[1]!;
    const value = withoutBlanks(line[2]!);
    rawHeaders.push(name, value);
    switch (name.length === 10 || name.length === 14 || name.length === 17 ? name.toLowerCase() : '') {
      case 'content-length':
        if (length !== null) throw new Error('two lengths');
        length = value;
        break;
      case 'transfer-encoding':
        coding = coding === null ? value : `${coding}, ${value}`;
        break;
      case 'connection':
        connection += `,${value.toLowerCase()}`;
        break;
    }
  }
  if (length !== null && coding !== null) throw new Error('a length and a transfer coding');
  if (coding !== null && coding.toLowerCase() !== 'chunked') throw new Error('a transfer coding besides chunked');
  if (length !== null && !/^\d{1,15}$/.test(length)) throw new Error('a length that is none');
  const hasNoBody = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const framing = hasNoBody ? 0 : coding !== null ? 'chunked' : length === null ? 'close' : Number(length);
  const isKept = framing !== 'close' && (first[1] === '1' ? !/,[\t ]*close[\t ]*(?:,|$)/.test(connection) : false);
  return { status, reason: first[3] ?? '', rawHeaders, framing, isKept };
}

/** Only the blanks that HTTP means: `trimEnd` takes the byte A0 for one, which is the end of many a character in UTF-8. */
function withoutBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}
