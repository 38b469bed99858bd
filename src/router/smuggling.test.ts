// Bytes that one server reads as one request and another as two. The upstream here is a bare socket that records every byte and
// is judged by the strictest reading there is: it never gets a request that the client's own bytes, read as strictly, are not.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fc } from '../../test/support/fuzz.ts';
import { readStrictly, type StrictRequest } from '../../test/support/strict-http.ts';
import { routeOf, type TestRouter, testRouter } from './test-router.ts';

const get = 'GET /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n';
const post = 'POST /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n';
const hidden = 'GET /0000/hidden HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';
const last = 'GET /0000/last HTTP/1.1\r\nHost: blog.localhost\r\nConnection: close\r\n\r\n';
const chunked = 'Transfer-Encoding: chunked\r\n';

/** Whole connections. `0000` becomes the number of the connection. */
const corpus: Record<string, string> = {
  'one request': `${get}\r\n`,
  'a length and then chunks': `${post}Content-Length: 6\r\n${chunked}\r\n0\r\n\r\nX${hidden}`,
  'chunks and then a length': `${post}${chunked}Content-Length: 4\r\n\r\n5c\r\n${hidden}\r\n0\r\n\r\n`,
  'a length with a body that looks like a request': `${post}Content-Length: ${hidden.length}\r\n\r\n${hidden}${last}`,
  'a length that is too short': `${post}Content-Length: 3\r\n\r\nabc${hidden}${last}`,
  'two lengths': `${post}Content-Length: 3\r\nContent-Length: 0\r\n\r\n${hidden}`,
  'the same length twice': `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc${hidden}`,
  'a list of lengths': `${post}Content-Length: 3, 3\r\n\r\nabc${hidden}`,
  'a length with a sign': `${post}Content-Length: +3\r\n\r\nabc${hidden}`,
  'a length in hexadecimal': `${post}Content-Length: 0x3\r\n\r\nabc${hidden}`,
  'a length with a dot': `${post}Content-Length: 3.0\r\n\r\nabc${hidden}`,
  'a length that overflows': `${post}Content-Length: 18446744073709551619\r\n\r\nabc${hidden}`,
  'an empty length': `${post}Content-Length:\r\n\r\n${hidden}`,
  'a space before the colon of the length': `${post}Content-Length : 3\r\n\r\nabc${hidden}`,
  'a length with an underscore': `${post}Content_Length: 3\r\n\r\n${hidden}`,
  'a length behind a vertical tab': `${post}Content-Length:\x0b3\r\n\r\nabc${hidden}`,
  'a body of a GET': `${get}Content-Length: 3\r\n\r\nabc${hidden}${last}`,
  xchunked: `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked in quotes': `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked, identity': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
  'identity, chunked': `${post}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked twice': `${post}${chunked}${chunked}\r\n0\r\n\r\n${hidden}`,
  'chunked and cow': `${post}${chunked}Transfer-encoding: cow\r\n\r\n5\r\nabcde\r\n0\r\n\r\n${hidden}`,
  'chunked with a space before the colon': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked behind a tab': `${post}Transfer-Encoding:\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${last}`,
  'chunked behind a vertical tab': `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked in capitals': `${post}TRANSFER-ENCODING: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n${last}`,
  'chunked with an underscore': `${post}Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked on a folded line': `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked with HTTP/1.0': `POST /0000/one HTTP/1.0\r\nHost: blog.localhost\r\n${chunked}\r\n0\r\n\r\n${hidden}`,
  'chunked hidden behind a bare line feed': `${post}X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunked hidden behind a bare carriage return': `${post}X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'a chunk size with a sign': `${post}${chunked}\r\n+3\r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk size with 0x': `${post}${chunked}\r\n0x3\r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk size with a space': `${post}${chunked}\r\n3 \r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk size with leading zeros': `${post}${chunked}\r\n00000003\r\nabc\r\n0\r\n\r\n${last}`,
  'a chunk size that overflows': `${post}${chunked}\r\n10000000000000003\r\nabc\r\n0\r\n\r\n${hidden}`,
  'an empty chunk size': `${post}${chunked}\r\n\r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk that is longer than it says': `${post}${chunked}\r\n3\r\nabcdef\r\n0\r\n\r\n${hidden}`,
  'a chunk that ends with a line feed': `${post}${chunked}\r\n3\r\nabc\n0\r\n\r\n${hidden}`,
  'chunks with line feeds only': `${post}${chunked}\r\n3\nabc\n0\n\n${hidden}`,
  'a chunk size that ends with a carriage return': `${post}${chunked}\r\n3\rabc\r\n0\r\n\r\n${hidden}`,
  'a chunk extension': `${post}${chunked}\r\n3;a=b;c="d"\r\nabc\r\n0;x\r\n\r\n${last}`,
  'a chunk extension with a line feed': `${post}${chunked}\r\n3;a\nb\r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk extension with a carriage return': `${post}${chunked}\r\n3;a\rb\r\nabc\r\n0\r\n\r\n${hidden}`,
  'a chunk extension of 40 kB': `${post}${chunked}\r\n3;${'a'.repeat(40_000)}\r\nabc\r\n0\r\n\r\n${hidden}`,
  trailers: `${post}${chunked}\r\n3\r\nabc\r\n0\r\nHost: evil\r\nX-T: 1\r\n\r\n${last}`,
  'a length among the trailers': `${post}${chunked}\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n`,
  'a trailer with a line feed': `${post}${chunked}\r\n0\r\nX: a\n\n${hidden}`,
  'a last chunk that is cut, then a request': `${post}${chunked}\r\n0\r\n${hidden}`,
  'line feeds only': `GET /0000/one HTTP/1.1\nHost: blog.localhost\n\n${hidden}`,
  'a header line that ends with a line feed': `GET /0000/one HTTP/1.1\r\nHost: blog.localhost\nX: a\r\n\r\n${hidden}`,
  'a header that ends with line feeds': `${get}\n${hidden}`,
  'a carriage return in a value': `${get}X: a\rb\r\n\r\n${hidden}`,
  'a carriage return and a request in a value': `${get}X: a\r\r\n\r\n${hidden}`,
  'a folded line': `${get}X: a\r\n b\r\n\r\n${hidden}`,
  'a folded first header': `GET /0000/one HTTP/1.1\r\n X: a\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a NUL in a name': `${get}X\0: a\r\n\r\n${hidden}`,
  'a NUL in a value': `${get}X: a\0b\r\n\r\n${hidden}`,
  'a name that is empty': `${get}: a\r\n\r\n${hidden}`,
  'a header without a colon': `${get}nonsense\r\n\r\n${hidden}`,
  'two hosts': `${get}Host: shop.localhost\r\n\r\n${hidden}`,
  'the same host twice': `${get}Host: blog.localhost\r\n\r\n${hidden}`,
  'a host with an @': `GET /0000/one HTTP/1.1\r\nHost: evil@blog.localhost\r\n\r\n${hidden}`,
  'a list of hosts': `GET /0000/one HTTP/1.1\r\nHost: blog.localhost, evil\r\n\r\n${hidden}`,
  'no host': `GET /0000/one HTTP/1.1\r\n\r\n${hidden}`,
  'absolute-form': `GET http://blog.localhost/0000/one HTTP/1.1\r\nHost: evil.localhost\r\n\r\n${hidden}`,
  'authority-form': `CONNECT blog.localhost:80 HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'asterisk-form of a GET': `GET * HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a target with a space': `GET /0000/one /two HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a target with a tab': `GET /0000/one\t HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a target with a fragment': `GET /0000/one#x HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${last}`,
  'two spaces in the request line': `GET  /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'HTTP/0.9': `GET /0000/one\r\n${hidden}`,
  'HTTP/1.2': `GET /0000/one HTTP/1.2\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'HTTP/2.0': `GET /0000/one HTTP/2.0\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'HTTP/1.0 and then another': `GET /0000/one HTTP/1.0\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a method of lower case': `get /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'a method that nobody knows': `SMUGGLE /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n\r\n${hidden}`,
  'empty lines before a request': `\r\n\r\n${get}\r\n${last}`,
  'a line feed before a request': `\n${get}\r\n${hidden}`,
  'pipelined requests': `${get}\r\n${post}Content-Length: 3\r\n\r\nabc${last}`,
  'pipelined after the last': `${get}Connection: close\r\n\r\n${hidden}`,
  'a header of 64 kB': `${get}X: ${'a'.repeat(65_536)}\r\n\r\n${hidden}`,
  'headers of 64 kB': `${get}${'X: aaaaaaaa\r\n'.repeat(5000)}\r\n${hidden}`,
  'names that are special to JavaScript': `${get}__proto__: chunked\r\nconstructor: 5\r\n\r\n${last}`,
  'the framing named as hop-by-hop': `${post}Connection: Content-Length, close\r\nContent-Length: 3\r\n\r\nabc${hidden}`,
  'the coding named as hop-by-hop': `${post}Connection: Transfer-Encoding\r\n${chunked}\r\n3\r\nabc\r\n0\r\n\r\n${last}`,
  'an upgrade with a request behind it': `${get}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n${hidden}`,
  'an upgrade with a body': `${post}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc${hidden}`,
  'an upgrade to h2c': `${get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n${last}`,
  'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
  'an expectation and its body at once': `${post}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc${last}`,
  'an expectation that nobody knows': `${post}Expect: 200-maybe\r\nContent-Length: 3\r\n\r\nabc${last}`,
  'a header of TLS': `\x16\x03\x01\x02\x00\x01\x00\x01\xfc${hidden}`,
  'nothing but nonsense': `\xff\xfe\x00\x01${hidden}`,
};

/** A server that is a bare socket: every connection's bytes are kept; each request that stands whole is answered. */
async function recorder(router: TestRouter) {
  const connections: string[] = [];
  const port = await router.listen(
    createServer((socket) => {
      const index = connections.push('') - 1;
      let answered = 0;
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        connections[index] += chunk.toString('latin1');
        const { requests } = readStrictly(connections[index]!);
        for (; answered < requests.length; answered += 1)
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nrecorded');
      });
    }),
  );
  await router.put(routeOf({ upstreams: [{ instanceId: 'ins_a', host: '127.0.0.1', port } as never] }));
  return connections;
}

/** Sends every text on a connection of its own, `atOnce` at a time, and resolves with what came back. */
async function sendAll(router: TestRouter, texts: readonly string[], atOnce = 24): Promise<string[]> {
  const answers: string[] = [];
  const queue = texts.entries();
  const worker = async (): Promise<void> => {
    for (const [index, text] of queue) {
      const raw = await router.dial(text);
      answers[index] = await raw.closed();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return answers;
}

/** The same, all of them at once on connections that have had an answer and come from their rest (`at-rest.ts`). */
async function sendAllAfterRest(router: TestRouter, first: readonly string[], texts: readonly string[]) {
  const raws = await Promise.all(first.map((text) => router.dial(text)));
  for (const raw of raws) await raw.until(/recorded$/);
  while (router.running.atRest < raws.length) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const [index, { socket }] of raws.entries()) socket.write(texts[index]!, 'latin1');
  return Promise.all(raws.map((raw) => raw.closed()));
}

/** Of the same length, so that lengths stay right. */
const numbered = (text: string, index: number): string =>
  text.replaceAll('/0000/', `/${String(index).padStart(4, '0')}/`);

const keyOf = ({ method, target, body }: StrictRequest): string => JSON.stringify([method, target, body]);

/** The upstream got nothing but what the clients' bytes, read strictly, are; each at most as often as it was asked. */
function judge(texts: readonly string[], answers: readonly string[], connections: readonly string[]): number {
  const asked = new Map<string, number>();
  const readings = texts.map(readStrictly);
  for (const request of readings.flatMap(({ requests }) => requests))
    asked.set(keyOf(request), (asked.get(keyOf(request)) ?? 0) + 1);
  let count = 0;
  for (const bytes of connections) {
    const { requests, error, rest } = readStrictly(bytes);
    assert.equal(error, null, `the upstream got ${JSON.stringify(bytes.slice(0, 400))}`);
    assert.doesNotMatch(
      rest,
      /\/hidden/,
      `a request that is cut short holds another: ${JSON.stringify(rest.slice(0, 400))}`,
    );
    count += requests.length;
    for (const request of requests) {
      const left = asked.get(keyOf(request)) ?? 0;
      const from = texts.find((text) => text.includes(/\/(\d+)\//.exec(request.target)?.[0] ?? '\0'));
      assert.ok(left > 0, `the upstream got ${keyOf(request)} from ${JSON.stringify(from?.slice(0, 600))}`);
      asked.set(keyOf(request), left - 1);
    }
  }
  for (const [index, answer] of answers.entries()) {
    const { requests } = readings[index]!;
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!);
    const good = statuses.filter((status) => status === '200').length;
    assert.ok(good <= requests.length, `${good} answers to ${JSON.stringify(texts[index]!.slice(0, 600))}`);
    assert.ok(
      !statuses.some((status) => status.startsWith('5')),
      `${answer} to ${JSON.stringify(texts[index]!.slice(0, 600))}`,
    );
  }
  return count;
}

const limits = { headerMs: 600, bodyIdleMs: 600, keepAliveMs: 100, lingerMs: 100 };

async function judgeCorpus(first: string, keepAliveMs: number): Promise<void> {
  await using router = await testRouter({ ...limits, keepAliveMs });
  const connections = await recorder(router);
  const said = Object.values(corpus).map(numbered);
  const before = said.map((_, index) => numbered(first, index));
  const answers = await (first === '' ? sendAll(router, said) : sendAllAfterRest(router, before, said));
  const texts = said.map((text, index) => before[index] + text);
  judge(texts, answers, connections);
  const got = connections.join('');
  for (const [index, name] of Object.keys(corpus).entries()) {
    const { requests, error } = readStrictly(texts[index]!);
    // What is honest gets its answers, all of them; what is not gets a refusal or a closed connection.
    const good = answers[index]!.match(/HTTP\/1\.1 200 /g)?.length ?? 0;
    const isHonest = /\/last/.test(texts[index]!) && error === null;
    if (isHonest) assert.equal(good, requests.length, `${name}: ${answers[index]}`);
    if (requests.length === 0) assert.ok(!got.includes(numbered('/0000/one', index)), `${name} reached the upstream`);
    if (!requests.some(({ target }) => target.endsWith('/hidden')))
      assert.ok(
        !withoutBodies(connections).includes(numbered('GET /0000/hidden', index)),
        `${name}: two requests were made of one`,
      );
  }
  assert.equal((await router.ask('/still')).status, 200);
}

test('E9: an upstream never gets a request that the bytes, read strictly, are not', { timeout: 60_000 }, () =>
  judgeCorpus('', limits.keepAliveMs),
);

test('E9: nor on a connection that has rested', { timeout: 60_000 }, () =>
  judgeCorpus('GET /0000/before HTTP/1.1\r\nHost: blog.localhost\r\n\r\n', 1500),
);

/** The request lines and headers that the upstream got, bodies left out. */
function withoutBodies(connections: readonly string[]): string {
  return connections
    .flatMap((bytes) => readStrictly(bytes).requests.map(({ method, target }) => `${method} ${target}`))
    .join('\n');
}

test('E9: nor does it of requests made and changed at random', { timeout: 120_000 }, async () => {
  await using router = await testRouter(limits);
  const connections = await recorder(router);
  const line = fc
    .constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'HEAD')
    .map((method) => `${method} /0000/one HTTP/1.1\r\nHost: blog.localhost\r\n`);
  const headers = fc.array(
    fc.constantFrom(
      ...[
        'Content-Length: 3\r\n',
        'Content-Length: 0\r\n',
        'Content-Length: 5\r\n',
        chunked,
        chunked,
        'TE: trailers\r\n',
        'X: y\r\n',
      ],
      ...[
        'Connection: keep-alive\r\n',
        'Connection: close\r\n',
        'Expect: 100-continue\r\n',
        'Connection: X, Content-Length\r\n',
      ],
      ...[
        'Transfer-Encoding: identity\r\n',
        'Upgrade: x\r\n',
        'Connection: upgrade\r\n',
        'Content_Length: 9\r\n',
        'Cookie: a=b\r\n',
      ],
    ),
    { maxLength: 3 },
  );
  const body = fc.constantFrom(
    '',
    '',
    'abc',
    '3\r\nabc\r\n0\r\n\r\n',
    '0\r\n\r\n',
    '1;x=y\r\na\r\n0\r\nX: y\r\n\r\n',
    hidden,
  );
  const request = fc
    .tuple(line, headers, body)
    .map(([first, fields, content]) => `${first}${fields.join('')}\r\n${content}`);
  const piece = fc.constantFrom(
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '\0',
    '0',
    '3',
    '\x0b',
    '\x7f',
    '\xa0',
    '\r\n\r\n',
    chunked,
    hidden,
  );
  const change = fc.tuple(fc.nat(), fc.nat(3), piece);
  const texts = fc.tuple(
    fc.array(request, { minLength: 1, maxLength: 3 }),
    fc.array(change, { maxLength: 2 }),
    fc.boolean(),
  );
  const changed = texts.map(([requests, changes, isClean]) =>
    (isClean ? [] : changes).reduce((now, [at, drop, put]) => {
      const where = at % (now.length + 1);
      return now.slice(0, where) + put + now.slice(where + drop);
    }, requests.join('') + last),
  );
  const runs = 800 * Number(process.env.LOCKSTEP_FUZZ_FACTOR ?? 1);
  const seed = Number(process.env.LOCKSTEP_FUZZ_SEED ?? 20_260_205);
  const sent = fc.sample(changed, { numRuns: runs, seed }).map(numbered);
  const answers = await sendAll(router, sent, 100);
  const count = judge(sent, answers, connections);
  assert.ok(count > runs / 4, `only ${count} requests reached the upstream: the changes are too wild to say anything`);
  assert.equal((await router.ask('/still')).status, 200);
});
