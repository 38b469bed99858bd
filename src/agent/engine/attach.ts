// A container's own streams, both ways, over one connection that stops being HTTP: for a person's shell. With a terminal its bytes are the
// terminal's; without one each piece says whether it is output or error.

import type { Duplex } from 'node:stream';
import { request } from '../../lib/http.ts';
import { EngineRefusal } from './stream.ts';

export type Attached = {
  /** What is written goes to its input; ending it ends the input alone. */
  input: Duplex;
  /** Resolves when nothing more will come. */
  ended: Promise<void>;
};

const limitMs = 10_000;
const headBytes = 8;

/** To be asked before the container starts. @throws EngineRefusal; what node says of a socket */
export function attachTo(
  socketPath: string,
  path: string,
  { isTerminal, out, err }: { isTerminal: boolean; out(bytes: Buffer): void; err(bytes: Buffer): void },
): Promise<Attached> {
  const { promise, resolve, reject } = Promise.withResolvers<Attached>();
  const asked = request({
    ...{ socketPath, path, method: 'POST', agent: false, timeout: limitMs },
    headers: { host: 'engine', connection: 'Upgrade', upgrade: 'tcp' },
  });
  asked.once('timeout', () => asked.destroy(new Error('the engine does not answer')));
  asked.once('error', reject);
  asked.once('response', (response) => {
    response.resume();
    reject(new EngineRefusal(response.statusCode ?? 0, 'the engine does not give the streams of the container'));
  });
  asked.once('upgrade', (_response, socket, head) => {
    socket.setTimeout(0);
    const take = isTerminal ? out : frames(out, err);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    if (head.length > 0) take(head);
    socket.on('data', take);
    for (const event of ['end', 'close', 'error'] as const) socket.once(event, () => end());
    resolve({ input: socket, ended });
  });
  asked.end();
  return promise;
}

/** Each piece has a head: which stream, and how long. */
export function frames(out: (bytes: Buffer) => void, err: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let stream = 1;
  /** Of the present piece so many bytes are to come. */
  let left = 0;
  let head: Buffer = Buffer.alloc(0);
  return (chunk) => {
    for (let rest = chunk; rest.length > 0; ) {
      if (left === 0) {
        const lacks = headBytes - head.length;
        head = Buffer.concat([head, rest.subarray(0, lacks)]);
        rest = rest.subarray(lacks);
        if (head.length < headBytes) return;
        [stream, left, head] = [head[0]!, head.readUInt32BE(4), Buffer.alloc(0)];
        continue;
      }
      const piece = rest.subarray(0, left);
      left -= piece.length;
      rest = rest.subarray(piece.length);
      (stream === 2 ? err : out)(piece);
    }
  };
}
