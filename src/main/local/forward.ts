// One port of this machine's own loopback for an app that runs in a network of its own: as the router, it dials the container's address. Nobody
// beyond this machine can come in, and nothing is published by the engine.
import { connect, createServer, type Socket } from 'node:net';
import { fail } from '../../domain/errors.ts';

export type Forward = {
  port: number;
  /** From now on connections go there; until then they wait for a moment, and are closed. */
  to(target: { host: string; port: number }): void;
  close(): Promise<void>;
};

const mostConnections = 256;
const waitMs = 10_000;

/** @param port null: `preferred` when it is free, else any. @throws port-in-use */
export async function openForward(port: number | null, preferred: number): Promise<Forward> {
  const { promise: target, resolve: setTarget } = Promise.withResolvers<{ host: string; port: number }>();
  let now: { host: string; port: number } | null = null;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    open.add(client);
    const close = (): void => {
      open.delete(client);
      client.destroy();
    };
    client.once('close', close).on('error', close);
    const timer = setTimeout(close, waitMs);
    void target.then(() => {
      clearTimeout(timer);
      if (client.destroyed) return;
      const upstream = connect({ ...now!, allowHalfOpen: true });
      upstream.on('error', close).once('close', close);
      client.once('close', () => upstream.destroy());
      client.pipe(upstream).pipe(client);
    });
  });
  server.maxConnections = mostConnections;
  const isTaken = await listens(server, port ?? preferred).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return true;
      throw error;
    },
  );
  if (isTaken && port !== null)
    throw fail('port-in-use', `the port ${port} of 127.0.0.1 is taken, or not ours to take`, {
      advice: 'Name another one: --port N; or leave it out, then one that is free is found.',
    });
  if (isTaken) await listens(server, 0);
  return {
    port: (server.address() as { port: number }).port,
    to(found) {
      now = found;
      setTarget(found);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function listens(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
