// Somebody who asks for the page all the time, every other time on a fresh connection, and counts what is no good answer.
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, ask } from '../../scripts/demo/ask.ts';

export type Asked = { requests: number; failed: number; why: string[] };

/** Asks every `everyMs` until stopped; what is under way then is waited for. */
export function keepAsking(address: Address, everyMs: number): { stop(): Promise<Asked> } {
  const kept = new Agent({ keepAlive: true, maxSockets: 8 });
  const open = new Set<Promise<void>>();
  const asked: Asked = { requests: 0, failed: 0, why: [] };
  const failed = (why: string) => {
    asked.failed += 1;
    if (!asked.why.includes(why) && asked.why.length < 5) asked.why.push(why);
  };
  const timer = setInterval(() => {
    // Bounded: a site that does not answer is not asked without end.
    if (open.size >= 200) return;
    asked.requests += 1;
    const one = ask(address, { agent: asked.requests % 2 === 0 ? kept : null })
      .then(({ status }) => {
        if (status !== 200) failed(`status ${status}`);
      })
      .catch((error: Error) => failed(error.message))
      .finally(() => open.delete(one));
    open.add(one);
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      kept.destroy();
      return asked;
    },
  };
}

/** Asks while `work` goes on, and for a second after: what an old instance leaves behind shows then. `asks` null: nobody asks. */
export async function askedDuring<T>(
  asks: { address: Address; everyMs: number } | null,
  work: () => Promise<T>,
): Promise<{ result: T; asked: Asked }> {
  const asker = asks && keepAsking(asks.address, asks.everyMs);
  try {
    const result = await work();
    if (asker) await sleep(1000);
    return { result, asked: (await asker?.stop()) ?? { requests: 0, failed: 0, why: [] } };
  } finally {
    await asker?.stop();
  }
}
