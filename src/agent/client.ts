// Control's side of the agent's socket: every verb of the seam as a request (`agent-door.ts` sends it), errors back as what they
// were. Connections are kept and shared. Every verb here may be asked twice.
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Agent, AppRef, LogLine } from '../domain/agent.ts';
import { type CollectedFile, collectedCaps, type LeftOut } from '../domain/collected.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { ImageEvent } from '../domain/image.ts';
import type { JobEvent, JobResult } from '../domain/job.ts';
import type { LayerEvent } from '../domain/layer.ts';
import type { AgentEvent } from '../domain/observed.ts';
import type { PullEvent } from '../domain/pull.ts';
import { Agent as HttpAgent } from '../lib/http.ts';
import { patchSender } from '../lib/patch-sender.ts';
import { away, type Call, type Door, linesOf, send, textOf } from './agent-door.ts';
import { decodeTree, encodeTree, leftOutHeader } from './tree/tree-stream.ts';
import { Vigil, type VigilTimes } from './vigil.ts';

export type AgentClientOptions = {
  socketPath: string;
  /** For an ordinary answer; streams and uploads have none. */
  limitMs?: number;
  /** For a sign of life. */
  aliveMs?: number;
  /** How long a job's result is waited for while the agent is away. */
  jobAwayMs?: number;
  /** How soon an agent that says nothing more counts as away. */
  vigil?: VigilTimes;
};

/** A machine that is busy with a build may be slow to say it; who is asked decides whether a change that has passed may land. */
const aliveMs = 10_000;
/** For a look at processes and disk, which may be slow. */
const lookMs = 60_000;

/** The agent behind a socket. It connects when it is asked; `close` lets the kept connections go. */
export function connectAgent(options: AgentClientOptions): Agent & { close(): void } {
  const pool = new HttpAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 });
  const limitMs = options.limitMs ?? 30_000;
  const door: Door = { socketPath: options.socketPath, pool, vigil: new Vigil(options.socketPath, options.vigil) };
  const ask = (call: Call) => send(door, { limitMs, ...call });
  const json = async <T>(call: Call): Promise<T> => JSON.parse(await textOf(await ask(call))) as T;
  const alive = () =>
    json<{ desiredVersion: number; routeGeneration: number }>({
      ...{ method: 'GET', path: '/v1/alive', limitMs: options.aliveMs ?? aliveMs },
    });
  /** Whoever looks waits for an agent that is slow, and not for one that is frozen. Any word of it is a sign of life. */
  const look = <T>(call: Call): Promise<T> => {
    const isFrozen = new Promise<never>((_, reject) => {
      alive().catch((error: Error) => isFailure(error, 'agent-away') && reject(error));
    });
    return Promise.race([json<T>({ ...call, limitMs: lookMs }), isFrozen]);
  };
  async function* lines<T>(call: Call): AsyncGenerator<T, void, void> {
    yield* linesOf<T>(await ask({ ...call, limitMs: null }), call.signal);
  }
  const appPath = (app: AppRef, rest: string, more: Record<string, string> = {}) =>
    `/v1/apps/${app.id}${rest}?${new URLSearchParams({ ...identities(app), ...more })}`;

  const isThere = async (path: string): Promise<boolean> => {
    const answer = await send(door, { method: 'HEAD', path, limitMs }, [404]);
    answer.resume();
    return answer.statusCode === 200;
  };

  const desiredPath = (names: Record<string, string>) => `/v1/desired?${new URLSearchParams(names)}`;
  const sendDesired = patchSender<Awaited<ReturnType<Agent['putDesired']>>>('apps', {
    whole: (body, tag) => json({ method: 'PUT', path: desiredPath({ tag }), body }),
    patch: (body, base, tag) => json({ method: 'PATCH', path: desiredPath({ base, tag }), body }),
    isRefusal: (error) => isFailure(error, 'conflict', 'not-found', 'bad-request'),
  });

  return {
    hello: () => json({ method: 'GET', path: '/v1/hello' }),
    alive,
    putDesired: ({ apps, ...head }) => sendDesired(head, apps),
    events: (signal) => ends<AgentEvent>(lines({ method: 'GET', path: '/v1/events', signal }), signal),
    putTree: (app, treeId, copy, files) =>
      json({
        method: 'PUT',
        path: appPath(app, `/trees/${treeId}`, copy === null ? {} : { copy }),
        stream: Readable.from(encodeTree(files), { objectMode: false }),
        limitMs: null,
      }),
    hasTree: (app, treeId) => isThere(appPath(app, `/trees/${treeId}`)),
    async makeCopy(app, treeId, copy) {
      await json({ method: 'POST', path: appPath(app, `/copies/${copy}`, { tree: treeId }), limitMs: null });
    },
    async dropCopy(app, copy) {
      await json({ method: 'DELETE', path: appPath(app, `/copies/${copy}`), limitMs: null });
    },
    makeLayer: (spec, signal) =>
      lines<LayerEvent>({ method: 'PUT', path: `/v1/apps/${spec.appId}/layers/${spec.key}`, body: spec, signal }),
    hasLayer: (app, key) => isThere(appPath(app, `/layers/${key}`)),
    engine: () => json({ method: 'GET', path: '/v1/engine' }),
    buildImage: (spec, context, signal) =>
      lines<ImageEvent>({
        ...{ method: 'PUT', path: `/v1/apps/${spec.appId}/images/${spec.key}`, signal, isTalkedOver: true },
        stream: Readable.from(headed(spec, context), { objectMode: false }),
      }),
    resolveImage: (question, signal) =>
      json({ method: 'POST', path: '/v1/images/resolutions', body: question, signal, limitMs: lookMs }),
    pullImage: (spec, signal) =>
      lines<PullEvent>({ method: 'POST', path: `/v1/apps/${spec.appId}/pulls`, body: spec, signal }),
    imageDetails: (image) => json({ method: 'GET', path: `/v1/images/${image}` }),
    imageArchive: (image, signal) => ask({ method: 'GET', path: `/v1/images/${image}/archive`, signal, limitMs: null }),
    async runJob(spec, { signal, onLine }) {
      const drop = () => json({ method: 'DELETE', path: `/v1/jobs/${spec.id}` });
      const cancel = () => void drop().catch(() => {});
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return await untilResult(async () => {
          if (signal.aborted) {
            // Nobody was there to hear it the first time. The job is not asked for again: it would begin anew.
            await drop();
            throw fail('cancelled', 'the job was cancelled while the agent was away');
          }
          // The same id again takes the job up, or gives the result that it had.
          for await (const event of lines<JobEvent>({ method: 'POST', path: '/v1/jobs', body: spec })) {
            if ('result' in event) return event.result;
            onLine?.(event.line);
          }
          throw away(new Error('the stream ended before the result'));
        }, options.jobAwayMs ?? 15_000);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
    async startAhead(specs) {
      await json({ method: 'POST', path: '/v1/jobs/ahead', body: specs });
    },
    async cancelJob(id) {
      await json({ method: 'DELETE', path: `/v1/jobs/${id}` });
    },
    async collected(id, name) {
      const answer = await ask({ method: 'GET', path: `/v1/jobs/${id}/collected/${name}`, limitMs: null });
      const leftOut = JSON.parse(decodeURIComponent(String(answer.headers[leftOutHeader]))) as LeftOut;
      return { leftOut, files: collectedFiles(answer) };
    },
    logs(app, { count, follow, instanceId }, signal) {
      const query = new URLSearchParams({ count: String(count), follow: String(follow) });
      if (instanceId !== null) query.set('instance', instanceId);
      return ends<LogLine>(lines({ method: 'GET', path: `/v1/apps/${app}/logs?${query}`, signal }), signal);
    },
    usage: (app) => json({ method: 'GET', path: `/v1/apps/${app}/usage` }),
    async deleteApp(app, { volumes }) {
      await json({ method: 'DELETE', path: appPath(app, '', { volumes: String(volumes) }), limitMs: null });
    },
    survey: () => look({ method: 'GET', path: '/v1/survey' }),
    evidence: (app, treeId, hosts) => {
      const query = new URLSearchParams(hosts.map((host) => ['host', host]));
      if (treeId !== null) query.set('tree', treeId);
      return look({ method: 'GET', path: `/v1/apps/${app.id}/evidence?${query}` });
    },
    hashTree: (app, treeId, { withListing }) =>
      json({ method: 'GET', path: appPath(app, `/trees/${treeId}/hash`, { files: `${withListing}` }), limitMs: null }),
    hashLayer: (app, key) => json({ method: 'GET', path: appPath(app, `/layers/${key}/hash`), limitMs: null }),
    async distrustLayer(app, key) {
      await json({ method: 'DELETE', path: appPath(app, `/layers/${key}`) });
    },
    async replaceTree(app, treeId, files) {
      const stream = Readable.from(encodeTree(files), { objectMode: false });
      await json({ method: 'PUT', path: appPath(app, `/trees/${treeId}`, { replace: 'true' }), stream, limitMs: null });
    },
    async mendFolders(app) {
      await json({ method: 'POST', path: appPath(app, '/folders') });
    },
    endChecks: (app) => json({ method: 'POST', path: appPath(app, '/checks/end') }),
    async routeAgain() {
      await json({ method: 'POST', path: '/v1/routes' });
    },
    removeLeftOvers: (wanted) => json({ method: 'POST', path: '/v1/left-overs/removals', body: wanted, limitMs: null }),
    collect: (app, keep) => json({ method: 'POST', path: appPath(app, '/collect'), body: keep, limitMs: null }),
    close: () => pool.destroy(),
  };
}

/** The files of an answer. One that breaks off is no folder: the agent went away in the middle of it. */
async function* collectedFiles(answer: IncomingMessage): AsyncGenerator<CollectedFile> {
  let broken: Error | null = null;
  answer.once('error', (error) => {
    broken = error;
  });
  async function* surely<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* values;
    } catch (error) {
      throw broken === null && isFailure(error) ? error : away(broken ?? error);
    }
  }
  for await (const { path, size, content } of surely(decodeTree(answer, collectedCaps)))
    yield { path: path.toString('utf8'), size, content: surely(content) };
}

/** What is asked for, as one line, and then its bytes. */
async function* headed(head: unknown, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(head)}\n`);
  yield* bytes;
}

/** Tries again while the agent is away, for so long from each loss on. */
async function untilResult(attempt: () => Promise<JobResult>, awayMs: number): Promise<JobResult> {
  let lostAtMs: number | null = null;
  for (let backOffMs = 20; ; backOffMs = Math.min(500, backOffMs * 2)) {
    const beganMs = performance.now();
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error, 'agent-away')) throw error;
      // An attempt that held for a while was a connection: the time of absence begins anew.
      if (lostAtMs === null || performance.now() - beganMs > awayMs) lostAtMs = performance.now();
      if (performance.now() - lostAtMs > awayMs) throw error;
      await pause(backOffMs);
    }
  }
}

/** A stream that the caller ended by its signal has simply ended. */
async function* ends<T>(values: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, void> {
  try {
    yield* values;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function identities(app: AppRef): Record<string, string> {
  const { liveUid, gateUid, gid } = app;
  const given = Object.entries({ liveUid, gateUid, gid }).filter(([, value]) => value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
