// Writes that must happen, since what they speak of has happened already: a store that cannot be written now (a full disk) is
// tried again until it can.
import { setTimeout as sleep } from 'node:timers/promises';
import { isPassingTrouble } from '../store/open.ts';
import type { World } from './world.ts';

/**
 * Writes down what has happened already, again and again while the store cannot be written (a full disk): there is no way
 * back from it. Rejects with an error that will not pass, or with the signal's reason.
 */
export async function insist<T>(world: Pick<World, 'log' | 'signal'>, write: () => T): Promise<T> {
  for (let pauseMs = 10; ; pauseMs = Math.min(5000, pauseMs * 2)) {
    try {
      return write();
    } catch (error) {
      if (!isPassingTrouble(error)) throw error;
      world.log({ level: 'error', message: `the store cannot be written: ${(error as Error).message}` });
      await sleep(pauseMs, undefined, { signal: world.signal });
    }
  }
}

/** `insist` for what nobody has to wait for: it is written now or, when the store cannot be written, as soon as it can be. */
export function insistLater(world: Pick<World, 'log' | 'signal'>, what: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isPassingTrouble(error)) throw error;
    void insist(world, write).catch((cause: Error) =>
      world.log({ level: 'error', message: `${what}: ${cause.message}` }),
    );
  }
}
