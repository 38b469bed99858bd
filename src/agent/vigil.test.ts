import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppId } from '../domain/ids.ts';
import { connectAgent } from './client.ts';

/** An agent that begins an answer and never ends it; `isFrozen`: it does not even give a sign of life. */
async function hangingAgent(use: (socketPath: string, agent: { isFrozen: boolean }) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-vigil-'));
  const socketPath = join(folder, 'agent.sock');
  const state = { isFrozen: false };
  const server = createServer((request, response) => {
    if (request.url === '/v1/alive' && !state.isFrozen) response.end('{}');
    if (request.url?.startsWith('/v1/events')) response.writeHead(200).write('{"type":"first"}\n');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  try {
    await use(socketPath, state);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  }
}

test('A4: what has no limit of its own ends as agent-away once the agent gives no sign of life, and not before', async () => {
  await hangingAgent(async (socketPath, state) => {
    const agent = connectAgent({ socketPath, vigil: { askMs: 20, silentMs: 100 }, jobAwayMs: 0 });
    const events = agent.events(new AbortController().signal)[Symbol.asyncIterator]();
    assert.equal((await events.next()).done, false);
    const ends = [
      events.next(),
      agent.dropCopy({ id: 'app_x' as AppId, liveUid: null, gateUid: null, gid: null }, 'c'),
      agent.makeCopy({ id: 'app_x' as AppId, liveUid: null, gateUid: null, gid: null }, 'a'.repeat(40) as never, 'c'),
    ].map((one) =>
      Promise.resolve(one).then(
        () => 'answered',
        ({ code }: { code?: string }) => code,
      ),
    );
    const early = await Promise.race([...ends, new Promise((resolve) => setTimeout(resolve, 300, 'still waits'))]);
    assert.equal(early, 'still waits');
    state.isFrozen = true;
    assert.deepEqual(await Promise.all(ends), ['agent-away', 'agent-away', 'agent-away']);
    agent.close();
  });
});
