import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { openForward } from './forward.ts';

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

test('what comes before the app is known waits for it, and goes where it listens from then on', async () => {
  const app = createServer((request, response) => void request.pipe(response));
  const port = await listening(app);
  const door = await openForward(null, 0);
  try {
    const early = fetch(`http://127.0.0.1:${door.port}/`, { method: 'POST', body: 'early' });
    door.to({ host: '127.0.0.1', port });
    assert.equal(await (await early).text(), 'early');
    const large = 'x'.repeat(3_000_000);
    const answer = await fetch(`http://127.0.0.1:${door.port}/`, { method: 'POST', body: large });
    assert.equal(await answer.text(), large);
  } finally {
    await door.close();
    app.close();
    app.closeAllConnections();
  }
});

test('a port that was named and is taken is an error; one that was only preferred gives way', async () => {
  const other = createServer();
  const taken = await listening(other);
  try {
    await assert.rejects(openForward(taken, 8080), (error) => isFailure(error, 'port-in-use'));
    const door = await openForward(null, taken);
    assert.notEqual(door.port, taken);
    await door.close();
  } finally {
    other.close();
  }
});

test('an app that is gone closes the connection, and another one is dialled at its new place', async () => {
  const door = await openForward(null, 0);
  door.to({ host: '127.0.0.1', port: 1 });
  await assert.rejects(fetch(`http://127.0.0.1:${door.port}/`));
  const app = createServer((_request, response) => void response.end('again'));
  door.to({ host: '127.0.0.1', port: await listening(app) });
  assert.equal(await (await fetch(`http://127.0.0.1:${door.port}/`)).text(), 'again');
  await door.close();
  app.close();
  app.closeAllConnections();
});
