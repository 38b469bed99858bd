// The agent process: claims the home, serves control, and ends in order. Its parts are opened in `agent-wiring.ts`. `up.ts` calls `startAgent`
// in its own process; as a program: LOCKSTEP_HOME=<folder> node agent.ts [--control-uid 990]
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { AgentLog } from '../agent/agent-parts.ts';
import { removePartials } from '../agent/collect.ts';
import { homeFolders } from '../agent/folders.ts';
import { openStandIn } from '../agent/process/stand-in.ts';
import { keepRoom, type RoomKeeper } from '../agent/room/keep-room.ts';
import { sweepHome } from '../agent/room/sweep-home.ts';
import type { ServerParts } from '../agent/server/routes.ts';
import { serveAgent } from '../agent/server/server.ts';
import { buildNetworkOf } from '../config/build-network.ts';
import { engineSocketOf } from '../config/engine-socket.ts';
import { errorRegistry, isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import { makeHome } from './agent-home.ts';
import { type AgentOptions, openParts } from './agent-wiring.ts';
import { claimHome } from './claim-home.ts';
import { endOnUncaught } from './uncaught.ts';

export type RunningAgent = {
  hello: AgentHello;
  /** `instances`: also ends every instance and job; else all runs on, and the next agent takes it up. */
  stop(options: { instances: boolean }): Promise<void>;
};

/** Starts the agent. @throws home-in-use, home-unreachable */
export async function startAgent(given: AgentOptions): Promise<RunningAgent> {
  // Every mode of ours is meant: a stricter mask of the operator's would close jobs and layers to their own identities.
  process.umask(0o022);
  const options = { ...given, log: neverThrows(given.log) };
  const folders = homeFolders(resolve(options.home));
  await makeHome(folders);
  const ready = Promise.withResolvers<ServerParts>();
  ready.promise.catch(() => {});
  // First, so that no second agent takes up the same instances.
  const release = claimHome(folders.agent);
  const { controlUid, log } = options;
  let room: RoomKeeper | null = null;
  const diskIsFull = () => room?.metTheEnd();
  const where = { socketPath: folders.socket, controlUid, log, diskIsFull };
  const server = await serveAgent(ready.promise, where).catch((error: unknown) => {
    release();
    throw error;
  });
  try {
    await removePartials(folders);
    const standIn = await openStandIn({ pipes: folders.pipes, kept: folders.keptOutput });
    const { core, jobs, layers, containers } = await openParts(options, folders);
    const { images, pulls, exports, tools, networks, runtime } = containers;
    room = keepRoom({ home: folders.home, sweep: () => sweepHome({ folders, core, jobs, layers }), log });
    ready.resolve({ core, folders, jobs, layers, images, pulls, exports, tools });
    return {
      hello: await core.hello(),
      async stop({ instances }) {
        room?.close();
        // Whatever cannot be written down, everything that was started ends (or is left running) all the same.
        const failed: unknown[] = [];
        const steps = [
          () => images.stopAll(),
          () => networks.end(null),
          () => (instances ? Promise.all([jobs.stopAll(), layers.stopAll()]) : jobs.close()),
          () => server.close(),
          () => core.stop({ instances }),
          () => runtime[Symbol.dispose](),
          () => (instances ? standIn.end() : standIn.takeOver()),
          () => release(),
        ];
        for (const step of steps) await (async () => step())().catch((error: unknown) => failed.push(error));
        if (failed.length > 0) throw failed[0];
      },
    };
  } catch (error) {
    ready.reject(error);
    await server.close();
    release();
    throw error;
  }
}

/** A log that has no room or no reader costs its lines, not the agent. */
function neverThrows(log: AgentLog): AgentLog {
  return (...said) => {
    try {
      log(...said);
    } catch {
      // There is nobody to tell.
    }
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { 'control-uid': { type: 'string' } } });
  const home = process.env.LOCKSTEP_HOME ?? join(homedir(), '.lockstep');
  process.stdout.on('error', () => {}); // whoever read it has gone
  const say: AgentLog = (level, message, details = {}) =>
    void process.stdout.write(
      `${JSON.stringify({ at: new Date().toISOString(), from: 'agent', level, message, ...details })}\n`,
    );
  endOnUncaught((message, stack) => say('error', message, { stack }));
  const agent = await startAgent({
    home,
    controlUid: values['control-uid'] === undefined ? null : Number(values['control-uid']),
    routerSocket: homeFolders(home).routerSocket,
    programRoot: dirname(dirname(import.meta.dirname)),
    engineSocket: engineSocketOf(process.env),
    buildNetwork: buildNetworkOf(process.env),
    log: say,
  }).catch((error: unknown) => {
    if (!isFailure(error)) throw error;
    process.stderr.write(`lockstep agent: ${error.message}. ${error.advice ?? ''}\n`);
    process.exit(errorRegistry[error.code].exit);
  });
  say('info', 'ready', { event: 'ready', pid: process.pid, nodeId: agent.hello.nodeId });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void agent.stop({ instances: false }).then(() => process.exit(0)));
  }
}
