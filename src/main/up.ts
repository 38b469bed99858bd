// `lockstep up`: the agent in the foreground, which starts control and router and restarts them. A control or router that
// outlived the last agent is taken over as it runs. Ctrl-C ends everything that was started; `--detach` leaves it running.
import { chmodSync, chownSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTree } from '../agent/remove-tree.ts';
import { buildNetworkOf } from '../config/build-network.ts';
import { type Config, readConfig } from '../config/config.ts';
import { engineSocketOf } from '../config/engine-socket.ts';
import { registryIdentity } from '../domain/own-image.ts';
import { collectAtRest } from '../lib/collect-at-rest.ts';
import { lineLog } from '../lib/line-log.ts';
import { createRouterClient } from '../router/client.ts';
import { startAgent } from './agent.ts';
import { announce } from './announce.ts';
import { boundLog } from './bound-log.ts';
import { detach } from './detach.ts';
import { Neighbour } from './neighbour.ts';
import { startLimitMs } from './neighbour-not-started.ts';
import { serveKeeper } from './registry/keeper.ts';
import { OwnRegistry } from './registry/own-registry.ts';
import { endOnUncaught } from './uncaught.ts';
import type { UpArguments } from './up-arguments.ts';
import { checkHome, identitiesFor, type OwnIdentities, refuseSecond } from './up-checks.ts';
import { UpRecord } from './up-record.ts';
import { programRoot, programVersion } from './version.ts';

/** Runs until it is told to stop. The exit code. @throws home-in-use, home-unreachable, port-in-use */
export async function up(argv: UpArguments): Promise<number> {
  const startedAtMs = performance.timeOrigin;
  const isRoot = process.getuid?.() === 0;
  const config = readConfig(argv, process.env, isRoot);
  const buildNetwork = buildNetworkOf(process.env);
  checkHome(config.home, isRoot);
  if (argv.isDetached) return detach(config, argv);

  // Before anything of the home is touched.
  await refuseSecond(config.sockets.agent);
  const own = identitiesFor(programRoot, isRoot);
  makeHome(config, own);
  void dropCompiled(config.home).catch(() => {}); // the next start tries again
  const logs = ['agent', 'control', 'router', 'registry'].map((name) => join(config.home, 'logs', `${name}.log`));
  const bound = (): void => logs.forEach((file) => void boundLog(file));
  bound();
  setInterval(bound, 60_000).unref();
  const logFile = openSync(logs[0]!, 'a', 0o600);
  const writeLine = lineLog(logFile, 'agent');
  const log = (line: { level: string; message: string }): void => {
    writeLine(line);
    if (line.level === 'error') process.stderr.write(`lockstep: ${line.message}\n`);
  };
  // Instances, control and router go on; the next `up` takes them over.
  endOnUncaught((message, stack) => log({ level: 'error', message, ...{ stack } }));
  // The agent starts instances at once: a signal counts from here on.
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  const hasServed = existsSync(join(config.home, 'agent', 'desired.json'));
  // A clean end leaves no record: these instances ran on when the last agent died.
  const wasLeftRunning = readdirSync(join(config.home, 'agent', 'instances')).length > 0;
  const agent = await startAgent({
    home: config.home,
    controlUid: own.control?.uid ?? null,
    routerSocket: config.sockets.router,
    programRoot,
    engineSocket: engineSocketOf(process.env),
    buildNetwork,
    log: (level, message, more) => log({ ...more, level, message }),
  });
  if (own.control) shareRunFolder(join(config.home, 'run'), own.control.gid);
  let port = config.port;
  const router = new Neighbour('router', config, own, () => [
    ...['--port', String(port), ...(argv.isPublic ? ['--public'] : [])],
    ...(own.router ? ['--uid', String(own.router.uid), '--gid', String(own.router.gid)] : []),
  ]);
  const control = new Neighbour('control', config, own, () => ['--port', String(port), '--base', config.base]);
  const registry =
    config.registryProgram === null
      ? null
      : new OwnRegistry({
          ...{ home: config.home, program: config.registryProgram, control: own.control, port: () => port },
          identity: isRoot ? registryIdentity : null,
          // Where others cannot read the program it can only run as we do.
          diskIdentity: own.control ? registryIdentity : null,
          log: (level, message) => log({ level, message }),
        });
  const file = join(config.home, 'run', 'up.json');
  const record = () => ({
    url: `http://127.0.0.1:${port}`,
    base: config.base,
    home: config.home,
    pid: process.pid,
    pids: { agent: process.pid, control: control.pid, router: router.pid },
    refusal: control.refusal,
  });
  const upRecord = new UpRecord({
    ...{ file, content: record, signal: stopping.signal },
    say: (message) => log({ level: 'warn', message }),
  });
  const write = (): Promise<void> => upRecord.write();
  try {
    await router.start(port, stopping.signal);
    port = (await createRouterClient(config.sockets.router).hello()).port;
    const untilReady = async (): Promise<void> => {
      await control.start(port, stopping.signal);
      if (control.refusal === null) await untilRouted(config.sockets.router, stopping.signal);
    };
    await untilReady().catch((error: Error) => {
      // Sites that the last document has are served already: they go on, and control is tried again.
      if (stopping.signal.aborted || !hasServed) throw error;
      log({ level: 'error', message: error.message });
    });
    await write();
    void sayRefusal();
    using _rest = collectAtRest();
    announce(argv, record(), Math.round(Date.now() - startedAtMs), own, agent.hello.enforcement.why);
    void router.keep(port, stopping.signal, write, log);
    if (registry) {
      const failed = (error: Error): void =>
        log({ level: 'error', message: `the registry is not tidied: ${error.message}` });
      serveKeeper(config.home, own.control, registry, failed).unref();
      registry.start();
    }
    void control.keep(port, stopping.signal, () => write().then(sayRefusal), log);
    await new Promise<void>((resolve) => {
      stopping.signal.addEventListener('abort', () => resolve(), { once: true });
      if (stopping.signal.aborted) resolve();
    });
  } catch (error) {
    if (stopping.signal.aborted) return await stop();
    stopping.abort();
    // What this start began ends with it; what it found running serves on.
    for (const one of [control, router]) if (one.isOurs) await one.stop();
    await agent.stop({ instances: !wasLeftRunning });
    throw error;
  }
  return stop();

  /** Control says that it cannot work: who looks after the machine hears why, and when it is over. */
  async function sayRefusal(): Promise<void> {
    const { refusal } = control;
    if (refusal === null) return;
    log({
      level: 'error',
      message: `control does nothing: ${refusal.detail} (${refusal.code}). ${refusal.advice ?? ''}`,
    });
    await control.untilWilling(stopping.signal);
    if (stopping.signal.aborted) return;
    log({ level: 'info', message: 'control works again' });
    await write();
  }

  async function stop(): Promise<number> {
    if (!argv.isJson) process.stdout.write('stopping: control, the apps, the router\n');
    // A disk that takes no change must not keep what runs on it from ending.
    const steps = [
      () => rmSync(file, { force: true }),
      () => registry?.stop(),
      () => control.stop(),
      () => agent.stop({ instances: true }),
      () => router.stop(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        log({ level: 'error', message: `while stopping: ${(error as Error).message}` });
      }
    }
    return 0;
  }
}

function makeHome(config: Config, own: OwnIdentities): void {
  mkdirSync(config.home, { recursive: true, mode: 0o711 });
  for (const [name, mode] of [
    ['run', 0o711],
    ['logs', 0o711],
    ['agent', 0o711],
    ['agent/instances', 0o700],
    ['control', 0o700],
    ['router', 0o700],
    ['compiled', 0o711],
    // The router begins as root: what it reads there nobody else may write.
    ['compiled/router', 0o700],
    ['compiled/control', 0o700],
  ] as const) {
    mkdirSync(join(config.home, name), { recursive: true });
    chmodSync(join(config.home, name), mode);
  }
  if (own.control) {
    for (const name of ['control', 'compiled/control'])
      chownSync(join(config.home, name), own.control.uid, own.control.gid);
  }
  if (own.router) chownSync(join(config.home, 'router'), own.router.uid, own.router.gid);
}

/** Of other versions of the program. */
async function dropCompiled(home: string): Promise<void> {
  for (const name of ['control', 'router'])
    for (const version of readdirSync(join(home, 'compiled', name)))
      if (version !== programVersion) await removeTree(join(home, 'compiled', name, version));
}

/** What is announced answers: a new home's first routes are on their way when control answers. */
async function untilRouted(routerSocket: string, signal: AbortSignal): Promise<void> {
  const router = createRouterClient(routerSocket);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(startLimitMs)]);
  const hasRoutes = () =>
    router.hello().then(
      ({ generation }) => generation > 0,
      () => false, // it died meanwhile, and is started again
    );
  while (!(await hasRoutes())) await sleep(5, undefined, { signal: limit });
}

/** Sticky: control makes its own socket there, and cannot touch the others. */
function shareRunFolder(path: string, gid: number): void {
  chownSync(path, 0, gid);
  chmodSync(path, 0o1731);
}
