// What stands in front of the upstream, each alone on its core with the same work: one worker, kept connections to the upstream,
// no access log, the same forwarding headers rebuilt. A new one is one more entry in the list.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeEnv } from '../../src/lib/node-env.ts';
import { freePort } from '../journey/ports.ts';
import { pathOf, versionOf } from '../support/programs.ts';

export type Running = { port: number; pid: number; stop(): Promise<void> };
export type Where = { folder: string; core: number; upstreamPort: number };
export type Contender = { name: string; version: string; start(where: Where): Promise<Running> };

export const host = 'app.localhost';

export function contenders(routerArgv: readonly string[], lockstepVersion: string): Contender[] {
  return [
    { name: 'Lockstep', version: lockstepVersion, start: (where) => startLockstep(where, routerArgv) },
    { name: 'nginx', version: versionOf('nginx', '-v').replace('nginx version: ', ''), start: startNginx },
    { name: 'Caddy', version: `Caddy ${versionOf('caddy', 'version')}`, start: startCaddy },
  ];
}

/** On one core only. @param env besides what this process has */
export function pinned(core: number, argv: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn('taskset', ['-c', String(core), ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The program says in JSON on its first line where it listens. */
export async function firstLineOf(child: ChildProcess): Promise<{ port: number }> {
  child.stderr!.resume();
  for await (const line of createInterface(child.stdout!)) {
    child.stdout!.resume();
    return JSON.parse(line);
  }
  throw new Error('a program ended before it was ready');
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function startLockstep({ folder, core, upstreamPort }: Where, argv: readonly string[]): Promise<Running> {
  const home = join(folder, 'lockstep');
  mkdirSync(home, { recursive: true });
  const child = pinned(core, [...argv, '--port', '0'], { ...nodeEnv, LOCKSTEP_HOME: home });
  const { port } = await firstLineOf(child);
  const upstreams = [{ instanceId: 'i', host: '127.0.0.1', port: upstreamPort }];
  const about = { appId: 'a', teamId: 't', name: 'app', setId: null, releaseLabel: 'v1', concurrency: 20_000 };
  const routes = [{ ...about, hosts: [host], state: 'serving', upstreams }];
  await put(join(home, 'run', 'router.sock'), { protocol: 1, generation: 1, platformHosts: ['127.0.0.1'], routes });
  // The router needs no time to drain here: nothing is in flight.
  return { port, pid: child.pid!, stop: () => stop(child, 'SIGKILL') };
}

async function put(socketPath: string, body: object): Promise<void> {
  const asked = request({ socketPath, path: '/v1/snapshot', method: 'PUT', agent: false });
  asked.end(JSON.stringify(body));
  const [answer] = await once(asked, 'response');
  answer.resume();
  if (answer.statusCode !== 200) throw new Error(`the router answered ${answer.statusCode} to its table`);
}

async function startNginx({ folder, core, upstreamPort }: Where): Promise<Running> {
  const place = join(folder, 'nginx');
  mkdirSync(place, { recursive: true, mode: 0o755 });
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(place, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${place}/pid; error_log stderr crit; worker_rlimit_nofile 30000;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 65s;
  ${temporary.map((name) => `${name}_temp_path ${place}/${name};`).join(' ')}
  upstream app { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}; server_name ${host};
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header Forwarded "for=$remote_addr;host=$http_host;proto=$scheme";
      add_header X-Request-Id $request_id;
    }
  }
}
`,
  );
  const child = pinned(core, [pathOf('nginx')!, '-p', place, '-c', join(place, 'nginx.conf')]);
  return ready(child, port, 'nginx');
}

async function startCaddy({ folder, core, upstreamPort }: Where): Promise<Running> {
  const place = join(folder, 'caddy');
  mkdirSync(place, { recursive: true });
  const port = await freePort();
  writeFileSync(
    join(place, 'Caddyfile'),
    `{
  admin off
  auto_https off
}
http://${host}:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstreamPort} {
    header_up X-Request-Id {http.request.uuid}
  }
  header X-Request-Id {http.request.uuid}
}
`,
  );
  const argv = [pathOf('caddy')!, 'run', '--config', join(place, 'Caddyfile'), '--adapter', 'caddyfile'];
  // One core is what it gets, so it is told that there is one.
  const env = { HOME: place, XDG_DATA_HOME: place, XDG_CONFIG_HOME: place, GOMAXPROCS: '1' };
  return ready(pinned(core, argv, env), port, 'caddy');
}

/** Waits until somebody accepts there. */
async function ready(child: ChildProcess, port: number, name: string): Promise<Running> {
  let said = '';
  child.stdout!.resume();
  child.stderr!.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const limit = performance.now() + 10_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > limit) {
      await stop(child, 'SIGKILL');
      throw new Error(`${name} did not start: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, pid: child.pid!, stop: () => stop(child) };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => tell(true));
    socket.once('error', () => tell(false));
  });
}
