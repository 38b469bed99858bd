// A machine for tests: a temporary home, a real router and a real agent (here, or as a process that can be killed), and
// control's client of it. What it started it ends, by id.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AgentLog } from '../../src/agent/agent-parts.ts';
import { connectAgent } from '../../src/agent/client.ts';
import { engineAt } from '../../src/agent/engine/engine.ts';
import { type HomeFolders, homeFolders } from '../../src/agent/folders.ts';
import { detectCgroups } from '../../src/agent/process/cgroup.ts';
import { dockerRuntime } from '../../src/agent/runtimes/docker/docker-runtime.ts';
import { processRuntime } from '../../src/agent/runtimes/process/process-runtime.ts';
import type { Timings } from '../../src/agent/supervise/instance-parts.ts';
import { recordFiles } from '../../src/agent/supervise/instance-record.ts';
import { blobHash, gitTreeId } from '../../src/agent/tree/git-tree-hash.ts';
import type { OutgoingFile } from '../../src/domain/agent.ts';
import type { DesiredApp, DesiredSet, DesiredState } from '../../src/domain/desired.ts';
import { type AppId, type IdPrefix, type InstanceId, makeId, type TreeId } from '../../src/domain/ids.ts';
import type { AppName, Hostname } from '../../src/domain/names.ts';
import type { ObservedInstance } from '../../src/domain/observed.ts';
import { defaultLimits } from '../../src/domain/plan.ts';
import { type StreamingChild, spawnStreaming } from '../../src/exec/exec.ts';
import { type RunningAgent, startAgent } from '../../src/main/agent.ts';
import { createRouterClient } from '../../src/router/client.ts';
import { until } from './until.ts';

export { until };

const programRoot = dirname(dirname(import.meta.dirname));
export const newId = <P extends IdPrefix>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

/** A program of ours as a child, once it has said that it is ready. */
async function program(file: string, args: string[], env: Record<string, string>) {
  const child = spawnStreaming([process.execPath, join(programRoot, 'src', 'main', file), ...args], {
    env: { PATH: '/usr/bin:/bin', ...env },
  });
  child.stderr.resume();
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<{ port?: number }>((resolve, reject) => {
    lines.on('line', (line) => {
      const said = JSON.parse(line);
      if (said.event === 'ready') resolve(said);
    });
    child.ended.then(() => reject(new Error(`${file} ended before it was ready`)), reject);
  });
  return { child, ready: await ready };
}

export type TestApp = DesiredApp & { liveUid: number | null };

export async function machine(
  options: { timings?: Partial<Timings>; routerWaitMs?: number; fallBackMs?: number; engineSocket?: string } = {},
) {
  const home = await mkdtemp(join(tmpdir(), 'lockstep-agent-'));
  await chmod(home, 0o711);
  const folders = homeFolders(home);
  const timings = { stopGraceMs: 300, ...options.timings };
  const isRoot = process.getuid?.() === 0;
  let router: { child: StreamingChild; port: number } | null = null;
  let here: RunningAgent | null = null;
  let apart: StreamingChild | null = null;
  let version = 0;
  const client = connectAgent({ socketPath: folders.socket });
  const routerClient = createRouterClient(folders.routerSocket);

  const self = {
    home,
    folders,
    client,
    nodeId: '' as DesiredState['nodeId'],
    get routerPort() {
      return router!.port;
    },
    async startRouter(port = 0) {
      const started = await program('router.ts', ['--port', String(port)], { LOCKSTEP_HOME: home });
      router = { child: started.child, port: Number(started.ready.port) };
    },
    async killRouter() {
      router!.child.kill('SIGKILL');
      await router!.child.ended;
    },
    async startAgent() {
      const log: AgentLog = (level, message, details) => void (level === 'error' && console.error(message, details));
      const routerSocket = folders.routerSocket;
      here = await startAgent({
        home,
        controlUid: null,
        routerSocket,
        programRoot,
        log,
        timings,
        routerWaitMs: options.routerWaitMs ?? 1000,
        ...(options.fallBackMs === undefined ? {} : { fallBackMs: options.fallBackMs }),
        ...(options.engineSocket === undefined ? {} : { engineSocket: options.engineSocket }),
      });
      self.nodeId = here.hello.nodeId;
    },
    async startAgentApart(env: Record<string, string> = {}) {
      const engine = options.engineSocket === undefined ? {} : { LOCKSTEP_ENGINE: options.engineSocket };
      apart = (await program('agent.ts', [], { LOCKSTEP_HOME: home, ...engine, ...env })).child;
      self.nodeId = (await client.hello()).nodeId;
    },
    async killAgent() {
      apart!.kill('SIGKILL');
      await apart!.ended;
      apart = null;
    },
    async stopAgent(instances: boolean) {
      await here!.stop({ instances });
      here = null;
    },
    app(more: Partial<DesiredApp> = {}): DesiredApp {
      const id = newId('app');
      const name = `a${id.slice(-8).toLowerCase()}`;
      const uids = isRoot
        ? { liveUid: 59_800, gateUid: 59_801, gid: 59_800 }
        : { liveUid: null, gateUid: null, gid: null };
      return {
        ...uids,
        id,
        teamId: newId('tea'),
        name: name as AppName,
        hosts: [`${name}.localhost` as Hostname],
        routed: null,
        concurrency: 100,
        sets: [],
        ...more,
      };
    },
    /** Sends the fixture and more files; the tree's id. */
    async tree(app: DesiredApp, more: Record<string, string> = {}): Promise<TreeId> {
      const source = await readFile(join(import.meta.dirname, 'agent-app.py'), 'utf8');
      const files = Object.entries({ 'app.py': source, ...more }).sort(([a], [b]) => (a < b ? -1 : 1));
      const hashed = files.map(([path, text]) => {
        const hash = blobHash(Buffer.byteLength(text));
        hash.update(Buffer.from(text));
        return { mode: '100644', path: Buffer.from(path), blobId: hash.id() };
      });
      const treeId = gitTreeId(hashed) as TreeId;
      await client.putTree(app, treeId, null, outgoing(files));
      return treeId;
    },
    set(treeId: TreeId, mode = 'serve', more: Partial<DesiredSet> & { env?: Record<string, string> } = {}): DesiredSet {
      const { env = {}, ...rest } = more;
      const web = { type: 'web', count: 1, command: { argv: ['/usr/bin/python3', '-S', 'app.py', mode] }, env };
      return {
        id: newId('set'),
        releaseId: newId('rel'),
        releaseLabel: 'v1',
        stage: 'candidate',
        artifact: { digest: `sha256:${'0'.repeat(64)}` as DesiredSet['artifact']['digest'], treeId, layerKey: null },
        processes: [web],
        health: { path: '/', timeoutMs: 10_000, host: 'app.localhost', acceptServerErrors: false },
        limits: defaultLimits,
        volumes: {},
        ...rest,
      };
    },
    put(...apps: DesiredApp[]) {
      version += 1;
      return client.putDesired({ protocol: 1, version, nodeId: self.nodeId, platformHosts: [], apps });
    },
    /** The first event that fits; from the whole state, too. */
    async instance(what: string, fits: (one: ObservedInstance) => boolean): Promise<ObservedInstance> {
      const end = AbortSignal.timeout(20_000);
      for await (const event of client.events(end)) {
        const seen = event.type === 'state' ? event.state.instances : event.type === 'instance' ? [event.instance] : [];
        const found = seen.find(fits);
        if (found !== undefined) return found;
      }
      throw new Error(`never: ${what}`);
    },
    ofSet(set: DesiredSet, ...states: string[]) {
      return self.instance(
        `${set.releaseLabel} ${states}`,
        (one) => one.setId === set.id && states.includes(one.state),
      );
    },
    async states() {
      const end = new AbortController();
      for await (const event of client.events(end.signal)) {
        if (event.type === 'state') return event.state;
      }
      throw new Error('no state');
    },
    /** Requests of the app that the router has under way. */
    async inFlight(app: DesiredApp): Promise<number> {
      const stats = await routerClient.stats();
      return stats.apps[app.id]?.inFlight ?? 0;
    },
    get(app: DesiredApp, path = '/'): Promise<{ status: number; text: string; release: string | undefined }> {
      return new Promise((resolve, reject) => {
        const asked = request({
          port: router!.port,
          host: '127.0.0.1',
          path,
          headers: { host: app.hosts[0]! },
          agent: false,
        });
        asked.once('error', reject);
        asked.once('response', (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          const release = answer.headers['x-lockstep-release'] as string | undefined;
          answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text, release }));
          answer.once('error', reject);
        });
        asked.end();
      });
    },
    async [Symbol.asyncDispose]() {
      if (apart !== null) await self.killAgent();
      if (here !== null) await here.stop({ instances: true });
      else await endLeftovers(folders);
      if (options.engineSocket !== undefined) await clearEngine(options.engineSocket, self.nodeId);
      if (router !== null) {
        router.child.kill('SIGKILL');
        await router.child.ended;
      }
      client.close();
      await rm(home, { recursive: true, force: true });
    },
  };
  return self;
}

/** Containers and networks of this machine's Lockstep. */
async function clearEngine(socket: string, node: DesiredState['nodeId']): Promise<void> {
  using runtime = dockerRuntime({ engine: engineAt(socket), node, folder: tmpdir(), onAgain: () => {} });
  const found = await runtime.found();
  for (const { instance } of found?.containers ?? []) await runtime.clean(instance as InstanceId);
  for (const app of found?.networks ?? []) await runtime.removeApp(app as AppId);
}

/** What an agent that was killed has left running, and its control groups. */
async function endLeftovers(folders: HomeFolders): Promise<void> {
  const runtime = processRuntime({ pipeFolder: folders.pipes, makePipe: async () => {}, cgroups: detectCgroups() });
  const { records } = await recordFiles(folders.instanceRecords).loadAll();
  for (const { view } of records) {
    await runtime.sweep(view.id);
    await runtime.clean(view.id);
  }
}

async function* outgoing(files: [string, string][]): AsyncGenerator<OutgoingFile> {
  for (const [path, text] of files) {
    const content = Buffer.from(text);
    yield { mode: '100644', path: Buffer.from(path), size: content.length, content };
  }
}
