import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppRef } from '../domain/agent.ts';
import type { JobSpec } from '../domain/job.ts';
import { connectAgent } from './client.ts';

test('A2: a job that is cancelled while the agent is away is cancelled once it is back, and not begun again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-client-'));
  const socketPath = join(folder, 'agent.sock');
  const stopper = new AbortController();
  const asked: string[] = [];
  // Dies under the job and under the first word that it is not wanted, as an agent does that is killed then.
  const server = createServer((request, response) => {
    asked.push(request.method ?? '');
    if (request.method === 'POST') stopper.abort();
    if (asked.length < 3) return void request.destroy();
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const agent = connectAgent({ socketPath, jobAwayMs: 5000 });
  try {
    await assert.rejects(agent.runJob({ id: 'job_1' } as unknown as JobSpec, { signal: stopper.signal }), {
      code: 'cancelled',
    });
    assert.match(asked.join(' '), /^POST DELETE(?: DELETE)+$/);
  } finally {
    agent.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  }
});

test('A4: who looks at an app waits for a slow agent, and is soon told of one that is frozen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-client-'));
  const socketPath = join(folder, 'agent.sock');
  let isFrozen = false;
  const server = createServer((request, response) => {
    if (isFrozen) return;
    // Alive is also who has nothing good to say.
    if (request.url === '/v1/alive') response.writeHead(503).end('{"code":"router-away","message":"m"}');
    else setTimeout(() => response.end('{"seen":true}'), 200);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const agent = connectAgent({ socketPath, aliveMs: 50 });
  const app = { id: 'app_1', liveUid: null, gateUid: null, gid: null } as unknown as AppRef;
  try {
    assert.deepEqual(await agent.evidence(app, null, []), { seen: true });
    isFrozen = true;
    await assert.rejects(agent.evidence(app, null, []), { code: 'agent-away' });
    await assert.rejects(agent.survey(), { code: 'agent-away' });
  } finally {
    agent.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  }
});
