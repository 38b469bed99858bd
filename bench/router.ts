// What the router adds: the same tiny app asked directly and through the router, at a bounded rate, in turns, so that both
// meet the same machine. Upstream and router are processes of their own. Usage:
//   node bench/router.ts [--rate 1000] [--seconds 5] [--program dist/main/router.js] [--node-flag=--x]… [--json]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { routerNodeFlags } from '../src/router/node-flags.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '5' },
    program: { type: 'string', default: join(import.meta.dirname, '..', 'src', 'main', 'router.ts') },
    'node-flag': { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
});
const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
const upstreamSource = `require('node:http').createServer((q, s) => { q.resume(); s.end('hello from the app\\n'); })
  .listen(0, '127.0.0.1', function () { console.log(JSON.stringify({ port: this.address().port })); })`;

type Measured = { p50Ms: number; p95Ms: number; p99Ms: number; requests: number; failed: number };

async function firstLine(child: ChildProcess): Promise<{ port: number }> {
  for await (const line of createInterface(child.stdout!)) return JSON.parse(line);
  throw new Error('it ended before it was ready');
}

/** Proportional set size in MB: what the process costs when shared pages are counted once. */
function pssMb(child: ChildProcess): number {
  const text = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8');
  return Math.round(Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) / 102.4) / 10;
}

function put(socketPath: string, body: object): Promise<unknown> {
  const request = httpRequest({ socketPath, path: '/v1/snapshot', method: 'PUT', agent: false });
  request.end(JSON.stringify(body));
  return once(request, 'response').then(([answer]) => {
    if (answer.statusCode !== 200) throw new Error(`the router answered ${answer.statusCode} to its table`);
  });
}

/** `rate` requests a second for `forMs`, each sent when it is due, whether or not those before it are answered. */
async function load(port: number, agent: Agent, forMs: number, into: { ms: number[]; failed: number }): Promise<void> {
  const startedAt = performance.now();
  const open = new Set<Promise<void>>();
  for (let sent = 0; sent < (rate * forMs) / 1000; ) {
    const due = Math.min((rate * forMs) / 1000, ((performance.now() - startedAt) * rate) / 1000);
    for (; sent < due; sent += 1) {
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

function ask(port: number, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = httpRequest({ host: '127.0.0.1', port, agent, headers: { host: 'app.localhost' } });
    request.once('error', reject);
    request.once('response', (answer) => {
      answer.resume().once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - startedAt);
        else reject(new Error(String(answer.statusCode)));
      });
    });
    request.end();
  });
}

function measured({ ms, failed }: { ms: number[]; failed: number }): Measured {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000) / 1000;
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), requests: ms.length, failed };
}

const home = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
const upstream = spawn(process.execPath, ['-e', upstreamSource], { stdio: ['ignore', 'pipe', 'inherit'] });
const argv = [...routerNodeFlags, ...values['node-flag'], values.program, '--port', '0'];
const router = spawn(process.execPath, argv, {
  env: { ...process.env, LOCKSTEP_HOME: home },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
try {
  const [app, edge] = await Promise.all([firstLine(upstream), firstLine(router)]);
  const upstreams = [{ instanceId: 'i', host: '127.0.0.1', port: app.port }];
  const about = { appId: 'a', teamId: 't', name: 'app', setId: null, releaseLabel: 'v1', concurrency: 1000 };
  const routes = [{ ...about, hosts: ['app.localhost'], state: 'serving', upstreams }];
  await put(join(home, 'run', 'router.sock'), { protocol: 1, generation: 1, platformHosts: ['127.0.0.1'], routes });
  const pssBeforeMb = pssMb(router);
  const direct = { ms: [] as number[], failed: 0 };
  const through = { ms: [] as number[], failed: 0 };
  const warm = { ms: [], failed: 0 };
  for (const port of [app.port, edge.port]) await load(port, agent, 1000, warm);
  const turns = 5;
  for (let turn = 0; turn < turns; turn += 1) {
    await load(app.port, agent, (seconds * 1000) / turns, direct);
    await load(edge.port, agent, (seconds * 1000) / turns, through);
  }
  const [a, b] = [measured(direct), measured(through)];
  const added = (key: 'p50Ms' | 'p95Ms' | 'p99Ms') => Math.round((b[key] - a[key]) * 1000) / 1000;
  const result = {
    rate,
    seconds,
    direct: a,
    router: b,
    addedP50Ms: added('p50Ms'),
    addedP95Ms: added('p95Ms'),
    addedP99Ms: added('p99Ms'),
    pssBeforeMb,
    pssAfterMb: pssMb(router),
  };
  if (values.json) console.log(JSON.stringify(result));
  else {
    console.log(`${rate} requests a second, ${seconds} s each, in turns; milliseconds`);
    console.log(`direct   p50 ${a.p50Ms}  p95 ${a.p95Ms}  p99 ${a.p99Ms}  failed ${a.failed} of ${a.requests}`);
    console.log(`router   p50 ${b.p50Ms}  p95 ${b.p95Ms}  p99 ${b.p99Ms}  failed ${b.failed} of ${b.requests}`);
    console.log(`added    p50 ${result.addedP50Ms}  p95 ${result.addedP95Ms}  p99 ${result.addedP99Ms}`);
    console.log(`router's PSS: ${pssBeforeMb} MB before, ${result.pssAfterMb} MB after`);
  }
  process.exitCode = a.failed + b.failed > 0 ? 1 : 0;
} finally {
  agent.destroy();
  upstream.kill('SIGKILL');
  router.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
}
