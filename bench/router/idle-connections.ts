// What connections cost that have nothing to do: many are opened from several addresses of loopback, each asks once and stays.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOfProcess } from '../support/processes.ts';
import { host, type Running } from './contenders.ts';

/** Megabytes; `held`: how many were still open when memory was read. */
type Held = { during: { pss: number; rss: number }; held: number };
/** `unasked`: of connections that have asked nothing yet. */
export type IdleCost = Held & { before: { pss: number; rss: number }; unasked: Held };

const addresses = 10;
const atOnce = 100;
/** The router ends after ten seconds who has asked nothing. */
const unaskedRestMs = 4000;

/**
 * Twice on a fresh one, `count` connections at a time, which has to suffice for a limit of 20,000 descriptors. Memory is read
 * when they have rested for `restMs`: what was needed to open them is given back meanwhile.
 */
export async function idleCost(start: () => Promise<Running>, count: number, restMs: number): Promise<IdleCost> {
  const onFresh = async <T>(measure: (at: Running) => Promise<T>): Promise<T> => {
    const at = await start();
    return measure(at).finally(() => at.stop());
  };
  const asked = await onFresh(async (at) => {
    const before = memoryOfProcess(at.pid);
    return { before, ...(await hold(at, count, restMs, askOnce)) };
  });
  const unasked = await onFresh((at) => hold(at, count, unaskedRestMs, dial));
  return { ...asked, unasked };
}

async function hold(
  at: Running,
  count: number,
  restMs: number,
  open: (port: number, localAddress: string) => Promise<Socket>,
): Promise<Held> {
  const sockets: Socket[] = [];
  try {
    for (let opened = 0; opened < count; opened += atOnce) {
      const some = Array.from({ length: Math.min(atOnce, count - opened) }, (_, one) =>
        open(at.port, `127.0.0.${2 + ((opened + one) % addresses)}`),
      );
      sockets.push(...(await Promise.all(some)));
    }
    await sleep(restMs);
    const held = sockets.filter((socket) => !socket.destroyed && socket.readable).length;
    return { during: memoryOfProcess(at.pid), held };
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

function dial(port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket.resume()));
  });
}
