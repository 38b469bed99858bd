// What an app answers, cut anywhere and made of anything: the readers of a kept connection say the same however the bytes come,
// and read no body and no header in a way that the strictest reading does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, fc, holds } from '../../../test/support/fuzz.ts';
import { readHead } from './answer-head.ts';
import { createChunks } from './chunks.ts';

/** The data of a chunked body that comes in these pieces, where it ended in the whole, or null: it is none. */
function chunkedOf(pieces: readonly Buffer[]): { data: string; end: number } | null {
  const chunks = createChunks();
  let data = '';
  let before = 0;
  try {
    for (const piece of pieces) {
      const end = chunks.read(piece, 0, piece.length, (from, to) => {
        data += piece.toString('latin1', from, to);
      });
      if (end >= 0) return { data, end: before + end };
      before += piece.length;
    }
  } catch {
    return null;
  }
  return { data, end: -1 };
}

function cutAt(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].sort((a, b) => a - b);
  return at.slice(1).map((to, index) => whole.subarray(at[index], to));
}

/** RFC 9112 7.1 as one expression; sizes are held against what follows by hand. */
function strictly(text: string): string | null {
  let data = '';
  for (let rest = text; ; ) {
    const size = /^([0-9A-Fa-f]{1,13})(?:;[^\r\n]*)?\r\n/.exec(rest);
    if (size === null) return null;
    rest = rest.slice(size[0].length);
    const length = Number.parseInt(size[1]!, 16);
    if (length === 0) return /^(?:[^\r\n]+\r\n)*\r\n/.test(rest) ? data : null;
    if (rest.slice(length, length + 2) !== '\r\n') return null;
    data += rest.slice(0, length);
    rest = rest.slice(length + 2);
  }
}

const chunk = fc
  .tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.constantFrom('', ';a', ';a="b"', ' '))
  .map(([data, extension]) => `${Buffer.byteLength(data).toString(16)}${extension}\r\n${data}\r\n`);
const honest = fc
  .tuple(
    fc.array(chunk, { maxLength: 5 }),
    fc.constantFrom('', 'X: y\r\n', 'X: y\r\nZ: \r\n'),
    fc.constantFrom('', 'HTTP/1.1 200'),
  )
  .map(([list, trailer, more]) => `${list.join('')}0\r\n${trailer}\r\n${more}`);
const wild = anyText(['0', '3', 'a', '\r\n', '\r', '\n', ';', ' ', 'abc', 'ffffffffffffff', '0x', '-', '+'], 14);
const spoiled = fc
  .tuple(honest, fc.nat(), fc.nat(2), fc.constantFrom('', '\n', '\r', ' ', '0', ';', 'g'))
  .map(
    ([text, at, drop, put]) =>
      text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + drop),
  );

test('a chunked body is the same however it is cut, and is read as strictly as can be', () => {
  const input = fc.tuple(fc.oneof(honest, spoiled, wild), fc.array(fc.nat(), { maxLength: 6 }));
  holds(input, 4000, ([text, cuts]) => {
    const whole = Buffer.from(text, 'utf8');
    const read = chunkedOf([whole]);
    assert.deepEqual(chunkedOf(cutAt(whole, cuts)), read);
    assert.deepEqual(chunkedOf([...whole].map((byte) => Buffer.of(byte))), read);
    if (read === null || read.end < 0) return;
    assert.equal(strictly(whole.toString('latin1', 0, read.end)), read.data);
  });
});

test('a header of an answer has one reading, or none', () => {
  const line = fc.constantFrom(
    ...[
      'Content-Length: 3',
      'Content-Length: 03',
      'content-length:3 ',
      'Content-Length: +3',
      'Content-Length: 3,3',
      'Content-Length:',
    ],
    ...[
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding : chunked',
    ],
    ...[
      'Connection: close',
      'Connection: keep-alive',
      'X: \x80',
      'X: a\rb',
      'X: a\0',
      ' folded',
      '',
      'nonsense',
      ': x',
      '__proto__: 1',
      'Set-Cookie: a',
    ],
  );
  const first = fc.constantFrom(
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 099 x',
    'HTTP/1.1 204 x',
    'HTTP/2 200',
    'HTTP/1.1  200',
    'ICY 200 OK',
  );
  holds(
    fc.tuple(first, fc.array(line, { maxLength: 4 }), fc.constantFrom('GET', 'HEAD')),
    4000,
    ([start, lines, method]) => {
      let head: ReturnType<typeof readHead>;
      try {
        head = readHead([start, ...lines].join('\r\n'), method);
      } catch (error) {
        return assert.ok(error instanceof Error && error.message.length < 100);
      }
      assert.equal(head.rawHeaders.length, 2 * lines.length);
      const lengths = lines.filter((one) => /^content-length[\t ]*:/i.test(one));
      const codings = lines.filter((one) => /^transfer-encoding[\t ]*:/i.test(one));
      assert.ok(lengths.length + codings.length <= 1 || codings.length === 0, 'framed twice');
      assert.ok(lengths.length <= 1);
      if (typeof head.framing === 'number') assert.ok(Number.isSafeInteger(head.framing) && head.framing >= 0);
      if (head.isKept)
        assert.ok(head.framing !== 'close' && !lines.includes('Connection: close') && start.startsWith('HTTP/1.1'));
      for (const text of head.rawHeaders) assert.doesNotMatch(text, /[\r\n\0]/);
    },
  );
});
