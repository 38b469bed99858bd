// The router as it lives: loads its last snapshot, binds, gives up root, and owns its end. It needs nobody: with control and
// agent away it serves what it served last.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type ListenOptions } from 'node:net';
import { join } from 'node:path';
import { fail } from '../domain/errors.ts';
import { routerProtocol } from '../domain/route.ts';
import type { Identity } from '../lib/identity.ts';
import { kernelBoot } from '../lib/kernel-boot.ts';
import type { ProxyLog } from './admit.ts';
import { dropRoot } from './drop-root.ts';
import type { RouterLimits } from './limits.ts';
import { readBootMark, withoutUpstreams } from './of-this-boot.ts';
import { createRouter, type Router } from './router.ts';
import { SnapshotFile } from './snapshot-file.ts';

export type StartOptions = {
  home: string;
  /** 0: any free one. */
  port: number;
  /** `::` means every address of the machine, IPv4 too. */
  bindAddress: string;
  /** What the process becomes after the bind; null: it stays what it is. */
  identity: Identity | null;
  log: ProxyLog;
  limits?: Partial<RouterLimits>;
  /** Which boot of the machine this is, unless it is the present one. */
  boot?: string;
};

export type RunningRouter = {
  port: number;
  generation: number;
  /** What was wrong with the snapshot on disk, null when nothing was. */
  alarm: string | null;
  /** Connections that have nothing to say (`at-rest.ts`). */
  readonly atRest: number;
  /** Ends what is in flight for up to `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** @throws port-in-use, home-in-use (another router answers on the socket), home-unreachable */
export async function startRouter(options: StartOptions): Promise<RunningRouter> {
  const folder = join(options.home, 'router');
  const runFolder = join(options.home, 'run');
  const socket = join(runFolder, 'router.sock');
  const file = new SnapshotFile(join(folder, 'snapshot.json'));
  const startedAtMs = Date.now();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(runFolder, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(folder)) if (/\.tmp-\d+$/.test(name)) rmSync(join(folder, name), { force: true });
  const mark = await readBootMark(join(folder, 'boot'), options.boot ?? kernelBoot());
  const { snapshot, isSaved, alarm } = await load(file, mark.isOfAnother);
  let { port } = options;
  const router = createRouter({
    first: snapshot,
    isFirstSaved: isSaved,
    file,
    markBoot: mark.set,
    controlSocket: join(runFolder, 'control.sock'),
    log: options.log,
    hello: () => ({ protocol: routerProtocol, program: 'lockstep-router', pid: process.pid, port, startedAtMs, alarm }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  try {
    if (await answers(socket))
      throw fail('home-in-use', `Another router serves ${options.home}`, { advice: 'Stop it, or use another home.' });
    await bindPublic(router.publicServer, port, options.bindAddress);
    port = (router.publicServer.address() as AddressInfo).port;
    rmSync(socket, { force: true });
    await bindPrivate(router.privateServer, socket);
    if (options.identity !== null) dropRoot(options.identity, folder);
  } catch (error) {
    await closeQuietly(router);
    throw error;
  }
  const close = async (graceMs: number): Promise<void> => {
    await router.close(graceMs);
    await file.settled();
  };
  const generation = snapshot?.generation ?? 0;
  return {
    ...{ port, generation, alarm, close },
    get atRest() {
      return router.atRest;
    },
    [Symbol.asyncDispose]: () => close(0),
  };
}

async function load(file: SnapshotFile, isOfAnotherBoot: boolean) {
  try {
    const { snapshot: found, source, problem } = await file.load();
    const snapshot = found && isOfAnotherBoot ? withoutUpstreams(found) : found;
    const alarm = source === 'previous' ? `The routes on disk are damaged, the previous ones serve: ${problem}` : null;
    return { snapshot, isSaved: source === 'current' && snapshot === found, alarm };
  } catch (error) {
    return { snapshot: null, isSaved: false, alarm: (error as Error).message };
  }
}

async function bindPublic(server: Server, port: number, host: string): Promise<void> {
  try {
    await listen(server, { port, host });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A machine with no IPv6 has no `::`.
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return bindPublic(server, port, '0.0.0.0');
    const cause = error;
    if (code === 'EADDRINUSE')
      throw fail('port-in-use', `Port ${port} of ${host} is taken by another program`, {
        advice: 'Stop that program, or choose another port (--port N, LOCKSTEP_PORT).',
        cause,
      });
    if (code === 'EACCES')
      throw fail('port-in-use', `Port ${port} is for root only`, {
        advice: 'Choose a port above 1023, or start Lockstep as root (it gives root up after the bind).',
        cause,
      });
    throw error;
  }
}

/** Made closed: whoever may connect can move every route. */
async function bindPrivate(server: Server, path: string): Promise<void> {
  const umask = process.umask(0o177);
  try {
    await listen(server, { path });
  } finally {
    process.umask(umask);
  }
}

function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** True when somebody listens there; a socket file whose owner died refuses. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const tell = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => tell(true));
    socket.once('error', () => tell(false));
  });
}

/** Ends what a failed start has bound. */
async function closeQuietly(router: Router): Promise<void> {
  for (const server of [router.publicServer, router.privateServer]) if (server.listening) server.close();
}
