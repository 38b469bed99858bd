// Ports for instances: below the range that the kernel gives to outgoing connections, so that none takes one between
// the look and the app's own bind. The app binds it a moment later; that the listener is the instance's own is checked
// before health counts.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { fail } from '../../domain/errors.ts';

const [first, last] = [20_000, 32_000];

/** A port on which nobody listens and that is not in `taken`. @throws internal when a thousand tries found none */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const port = randomInt(first, last);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw fail('internal', 'No free port was found for an instance.', {
    advice: `Free some of the ports ${first} to ${last}.`,
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
