// Lines over a real socket, between the agent's server and control's door to it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { linesOf, send } from '../agent-door.ts';
import { Vigil } from '../vigil.ts';
import { sendLines } from './ndjson.ts';
import { headedIn } from './parse.ts';

test('an answer that is whole before the question is heard by whoever still sends', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-lines-'));
  const socketPath = join(folder, 'sock');
  const server = createServer(async (request, response) => {
    const { head } = await headedIn(request);
    const answer = async function* () {
      yield { heard: head };
    };
    await sendLines(response, answer(), String);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const pool = new Agent();
  try {
    // Sent in many pieces, so that the connection would be closed in the midst of them.
    const question = async function* (number: number) {
      yield Buffer.from(`${number}\n`);
      for (let piece = 0; piece < 100; piece += 1) {
        yield Buffer.alloc(20_000);
        await turn();
      }
    };
    for (let number = 0; number < 20; number += 1) {
      const stream = Readable.from(question(number), { objectMode: false });
      const call = { method: 'PUT', path: '/', isTalkedOver: true, stream };
      const answer = await send({ socketPath, pool, vigil: new Vigil(socketPath) }, call);
      const heard: unknown[] = [];
      for await (const line of linesOf(answer, undefined)) heard.push(line);
      assert.deepEqual(heard, [{ heard: number }]);
    }
  } finally {
    pool.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }
});
