// A router that stood still itself (a busy machine) does not take its upstreams for dead: a connection that was there in time counts.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Upstream } from '../domain/route.ts';
import type { ProxyParts } from './admit.ts';
import { dial } from './dial.ts';
import type { DialFailure } from './dial-outcome.ts';
import { KeptConnection } from './kept/connection.ts';

const limits = { connectMs: 50, firstByteMs: 5000, idleMs: 5000, headerBytes: 8192 };

/** Whoever works in this process works for so long, and nothing else does. */
function standStill(forMs: number): void {
  for (const end = performance.now() + forMs; performance.now() < end; );
}

async function withUpstream(use: (upstream: Upstream) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.end('here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await use({ host: '127.0.0.1', port } as unknown as Upstream);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** `200`, or the code that it failed with. */
type Told = number | string;

const dialled = (upstream: Upstream): Promise<Told> =>
  new Promise((resolve) => {
    const parts = { limits, controlSocket: '/nonexistent' } as unknown as ProxyParts;
    const { upstreamRequest } = dial(
      parts,
      upstream,
      { method: 'GET', path: '/', headers: ['host', 'x'] },
      {
        connected() {},
        answered: (answer) => resolve(answer.status),
        failed: ({ code }: DialFailure) => resolve(code),
      },
    );
    upstreamRequest.end();
    setImmediate(() => standStill(200));
  });

const kept = (upstream: Upstream): Promise<Told> =>
  new Promise((resolve) => {
    const connection = new KeptConnection(
      upstream,
      limits,
      () => connection.destroy(),
      () => {},
    );
    connection.ask(
      { method: 'GET', text: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n' },
      { answered: (answer) => resolve(answer.status), failed: ({ code }: DialFailure) => resolve(code) },
    );
    setImmediate(() => standStill(200));
  });

for (const [name, ask] of Object.entries({ dialled, kept })) {
  test(`${name}: a connection that came while the router stood still is no timeout`, async () => {
    await withUpstream(async (upstream) => assert.equal(await ask(upstream), 200));
  });
}
