// What connections cost that have nothing to do: many are opened from several addresses of loopback, each asks once and stays.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOfProcess } from '../support/processes.ts';
import { host, type Running } from './contenders.ts';

/** Megabytes; `held`: how many were still open when memory was read. */
export type IdleCost = { before: { pss: number; rss: number }; during: { pss: number; rss: number }; held: number };

const addresses = 10;
const atOnce = 100;

/**
 * One after the other: this process holds `count` connections at a time, which has to suffice for a limit of 20,000 descriptors.
 * Memory is read when they have rested for `restMs`: what was needed to open them is given back meanwhile.
 */
export async function idleConnections(
  all: Readonly<Record<string, Running>>,
  count: number,
  restMs: number,
): Promise<Record<string, IdleCost>> {
  const costs: Record<string, IdleCost> = {};
  for (const [name, at] of Object.entries(all)) costs[name] = await idleAt(at, count, restMs);
  return costs;
}

async function idleAt(at: Running, count: number, restMs: number): Promise<IdleCost> {
  const before = memoryOfProcess(at.pid);
  const sockets: Socket[] = [];
  try {
    for (let opened = 0; opened < count; opened += atOnce) {
      const some = Array.from({ length: Math.min(atOnce, count - opened) }, (_, one) =>
        askOnce(at.port, `127.0.0.${2 + ((opened + one) % addresses)}`),
      );
      sockets.push(...(await Promise.all(some)));
    }
    await sleep(restMs);
    const held = sockets.filter((socket) => !socket.destroyed && socket.readable).length;
    return { before, during: memoryOfProcess(at.pid), held };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function askOnce(port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    let seen = '';
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      const head = seen.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(seen)?.[1]);
      if (head < 0 || seen.length < head + 4 + length) return;
      if (!seen.startsWith('HTTP/1.1 200')) reject(new Error(seen.split('\r\n')[0]));
      socket.removeAllListeners('data');
      socket.resume();
      resolve(socket);
    });
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}
