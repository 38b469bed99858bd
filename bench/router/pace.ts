// A bounded rate: each request is sent when it is due, whether or not those before it are answered, and its time counts from
// then, so that a proxy that stalls is not asked less.
import { Agent, request } from 'node:http';
import { host } from './contenders.ts';

export type Paced = { ms: number[]; failed: number };

/** Puts the times of `perSecond` requests a second for `forMs` into `into`. */
export async function pace(port: number, agent: Agent, perSecond: number, forMs: number, into: Paced): Promise<void> {
  const startedAt = performance.now();
  const open = new Set<Promise<void>>();
  const all = (perSecond * forMs) / 1000;
  for (let sent = 0; sent < all; ) {
    for (; sent < Math.min(all, ((performance.now() - startedAt) * perSecond) / 1000); sent += 1) {
      const one = ask(port, agent).then(
        (ms) => void into.ms.push(ms),
        () => {
          into.failed += 1;
        },
      );
      open.add(one);
      void one.then(() => open.delete(one));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
}

export const keptAgent = (): Agent => new Agent({ keepAlive: true, maxSockets: 64 });

function ask(port: number, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const asked = request({ host: '127.0.0.1', port, agent, headers: { host } });
    asked.once('error', reject);
    asked.once('response', (answer) => {
      answer.resume().once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - startedAt);
        else reject(new Error(String(answer.statusCode)));
      });
    });
    asked.end();
  });
}
