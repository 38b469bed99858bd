// The router process: binds, gives up root, loads its last snapshot, serves until SIGTERM. Usage:
//   LOCKSTEP_HOME=<folder> node router.ts --port 8080 [--public] [--uid 990 --gid 990]
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { routerProtocol } from '../domain/route.ts';
import { createRouter } from '../router/server.ts';
import { loadSnapshot } from '../router/snapshot-file.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    public: { type: 'boolean', default: false },
    uid: { type: 'string' },
    gid: { type: 'string' },
  },
});
const home = process.env['LOCKSTEP_HOME'] ?? join(homedir(), '.lockstep');
const folder = join(home, 'router');
const runFolder = join(home, 'run');
const socket = join(runFolder, 'router.sock');
const snapshotFile = join(folder, 'routes.json');
const startedAtMs = Date.now();
const say = (line: object) =>
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), from: 'router', ...line })}\n`);

mkdirSync(folder, { recursive: true, mode: 0o700 });
mkdirSync(runFolder, { recursive: true, mode: 0o755 });
const loaded = await loadSnapshot(snapshotFile).catch((error: Error) => {
  say({ level: 'error', message: error.message });
  return { snapshot: null, source: 'none', problem: error.message } as const;
});
if (loaded.source === 'previous') say({ level: 'error', message: `Serving the previous routes: ${loaded.problem}` });

let port = Number(values.port);
const router = createRouter({
  first: loaded.snapshot,
  snapshotFile,
  controlSocket: join(runFolder, 'control.sock'),
  log: (line) => say({ level: 'warn', ...line }),
  hello: () => ({ protocol: routerProtocol, program: 'lockstep-router', pid: process.pid, port, startedAtMs }),
});
rmSync(socket, { force: true });
await listen(router.privateServer, { path: socket });
chmodSync(socket, 0o600);
await listen(router.publicServer, { port, host: values.public ? '::' : '127.0.0.1' });
port = (router.publicServer.address() as AddressInfo).port;
if (values.uid !== undefined && values.gid !== undefined) dropRoot(Number(values.uid), Number(values.gid));
say({ level: 'info', message: 'ready', port, generation: loaded.snapshot?.generation ?? 0 });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void router.close(10_000).then(() => process.exit(0)));
}

function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      say({ level: 'error', message: error.message });
      process.exitCode = 73;
      reject(error);
    });
    server.listen(where, resolve);
  });
}

/** The folder of the snapshot becomes the user's own; everything else stays root's. */
function dropRoot(uid: number, gid: number): void {
  if (process.getuid?.() !== 0) return;
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) chownSync(path, uid, gid);
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
