import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hearOut } from './hear-out.ts';

const piece = Buffer.alloc(65_536, 'x');
const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);

/** What a client reads who sends so many pieces first, and reads only then; null pieces: it never stops sending. */
async function readAfter(pieces: number | null, answer: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-hear-out-'));
  const server = createServer(answer);
  try {
    server.listen(join(folder, 's'));
    await once(server, 'listening');
    const client = connect(join(folder, 's'));
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    let text = '';
    client.on('error', () => {});
    client.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    client.pause();
    client.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let sent = 0; sent !== pieces && !client.destroyed; sent += 1) {
      if (!client.write(chunk)) await Promise.race([once(client, 'drain').catch(() => {}), closed]);
      if (pieces === null) client.resume();
    }
    if (!client.destroyed) client.write('0\r\n\r\n');
    client.resume();
    await closed;
    return text;
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

const refused: RequestListener = (request, response) => {
  request.once('data', () => response.writeHead(413, { 'content-length': 8 }).end('too much'));
};

test('an answer to a request that is still being sent is read when that has been sent', async () => {
  const told = await readAfter(64, (request, response) => {
    hearOut(request, response);
    refused(request, response);
  });
  assert.match(told, /^HTTP\/1\.1 413 [\s\S]*too much$/);
});

test('without it the connection is closed under whoever sends', async () => {
  assert.equal(await readAfter(64, refused), '');
});

test('who never stops sending has the answer, and is cut off after the limit', async () => {
  const told = await readAfter(null, (request, response) => {
    hearOut(request, response, 50);
    refused(request, response);
  });
  assert.match(told, /^HTTP\/1\.1 413 [\s\S]*too much$/);
});

test('a request that had come whole is closed with its answer, as its client asked', async () => {
  const told = await readAfter(1, (request, response) => {
    hearOut(request, response);
    request.resume().once('end', () => response.end('whole'));
  });
  assert.match(told, /whole/);
});

test('a request whose reader has given it up, and which has come whole, is no error', async () => {
  const told = await readAfter(1, async (request, response) => {
    hearOut(request, response);
    for await (const _ of request) break;
    response.writeHead(422, { 'content-length': 7 }).end('refused');
  });
  assert.match(told, /^HTTP\/1\.1 422 [\s\S]*refused$/);
});

test('a request without a body is answered as Node does, which closes where its client asked for that', () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.shouldKeepAlive = false;
  hearOut(response.req, response);
  assert.equal(response.shouldKeepAlive, false);
  assert.equal(response.listenerCount('finish'), 0);
  response.req.headers['content-length'] = '1';
  hearOut(response.req, response);
  assert.equal(response.shouldKeepAlive, true);
});
