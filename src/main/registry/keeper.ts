// How control asks `up`, which runs the registry, for what only that can do: looking at its disk, removing from it, and stopping it while it is
// tidied. Three verbs over a socket in the home that only control can open; what they take is checked on this side as well.
import { chmodSync, chownSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { fail } from '../../domain/errors.ts';
import { parsePath } from '../../domain/image-reference.ts';
import type { RegistryKeeper } from '../../domain/own-image.ts';
import { askSocket } from '../../lib/ask-socket.ts';
import { createServer } from '../../lib/http.ts';
import type { Identity } from '../../lib/identity.ts';

export const keeperSocket = (home: string): string => join(home, 'run', 'registry.sock');

const needsShape = z.strictObject({
  apps: z.array(z.string().max(255)).max(100_000),
  keep: z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/)).max(1_000_000),
  graceMs: z.number().min(0),
});
const namesShape = z.array(z.string().refine((text) => parsePath(text) !== null)).max(10_000);
const mostBytes = 64 * 1024 ** 2;
const answerMs = 15 * 60_000;

export function serveKeeper(
  home: string,
  control: Identity | null,
  kept: RegistryKeeper,
  failed: (error: Error) => void,
): Server {
  const verbs: Readonly<Record<string, (body: unknown) => Promise<unknown>>> = {
    '/measure': (body) => kept.measure(needsShape.parse(body)),
    '/drop': (body) => kept.drop(namesShape.parse(body)),
    '/tidy': (body) => kept.tidy(needsShape.parse(body)),
  };
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? null));
    const verb = request.method === 'POST' ? verbs[request.url ?? ''] : undefined;
    if (!verb) return answer(404, { message: 'there is no such verb' });
    jsonOf(request)
      .then(verb)
      .then(
        (value) => answer(200, value),
        (error: Error) => answer(500, { message: error.message }),
      );
  });
  const socket = keeperSocket(home);
  rmSync(socket, { force: true });
  server.once('error', failed);
  server.listen(socket, () => {
    chmodSync(socket, 0o600);
    if (control) chownSync(socket, control.uid, control.gid);
  });
  return server;
}

/** Control's side. */
export function keeperAt(home: string): RegistryKeeper {
  const ask = async <T>(path: string, json: unknown): Promise<T> => {
    const answer = await askSocket(keeperSocket(home), path, {
      ...{ method: 'POST', json, timeoutMs: answerMs, mostBytes },
    }).catch((cause: Error) => {
      throw away(cause.message);
    });
    const body = JSON.parse(answer.body) as T & { message?: string };
    if (answer.status !== 200) throw away(body.message ?? `${answer.status}`);
    return body;
  };
  return {
    measure: (needs) => ask('/measure', needs),
    drop: (names) => ask('/drop', names),
    tidy: (needs) => ask('/tidy', needs),
  };
}

const away = (why: string) => fail('registry-away', `this Lockstep's own registry could not be asked: ${why}`);

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > mostBytes) throw new Error('it is too large');
    chunks.push(chunk as Buffer);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
