import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { app } from '../app.js';

let server;
let base;

before(async () => {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

test('what is added is shown', async () => {
  const added = await fetch(`${base}/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'apples', count: 3 }),
  });
  assert.equal(added.status, 201);
  assert.match(await (await fetch(base)).text(), /apples x 3.*3 things/);
});

test('nonsense is refused', async () => {
  const answer = await fetch(`${base}/items`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: '<b>' }),
  });
  assert.equal(answer.status, 400);
});
