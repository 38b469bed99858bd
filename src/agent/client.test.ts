import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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
