// Whether the registry answers at its socket. It is away for a moment when it was ended or is started: who comes then waits for it, a limited time,
// and asks only as long as it was not there the last time.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const waitMs = 20_000;
const tickMs = 50;
/** EACCES: it listens, and the socket is not control's yet. */
const awayCodes = ['ENOENT', 'ECONNREFUSED', 'EACCES'];

export class RegistrySocket {
  readonly #path: string;
  #isThere = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** False: it took too long. */
  async untilThere(): Promise<boolean> {
    for (const end = performance.now() + waitMs; !this.#isThere; ) {
      this.#isThere = await opens(this.#path);
      if (this.#isThere) break;
      if (performance.now() > end) return false;
      await sleep(tickMs);
    }
    return true;
  }

  /** True when that is what the error says. */
  lost({ code = '' }: NodeJS.ErrnoException): boolean {
    if (awayCodes.includes(code) || code === 'ECONNRESET' || code === 'EPIPE') this.#isThere = false;
    return awayCodes.includes(code);
  }
}

function opens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
