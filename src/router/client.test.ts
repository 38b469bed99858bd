import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from './client.ts';

test('a connection is kept; one that was given up meanwhile is replaced, and a call never fails for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-client-'));
  const seen = new Map<Socket, number>();
  const server = createServer((request, response) => {
    const calls = (seen.get(request.socket) ?? 0) + 1;
    seen.set(request.socket, calls);
    if (calls === 3) request.socket.destroy();
    else response.end(JSON.stringify({ pid: calls }));
  });
  try {
    const path = join(folder, 'router.sock');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const client = createRouterClient(path);
    const pids: number[] = [];
    for (let call = 0; call < 3; call += 1) pids.push((await client.hello()).pid);
    assert.deepEqual(
      [pids, [...seen.values()]],
      [
        [1, 2, 1],
        [3, 1],
      ],
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(client.hello(), { code: 'router-away' });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
