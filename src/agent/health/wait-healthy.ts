// Waits until an instance answers: every 4 to 20 ms in its first 2 s, as cheap as a look is, then every 100 ms. An answer counts only when the
// listener belongs to the instance's own processes, so that a stranger on the port cannot vouch for it. An exit ends the
// wait at once. The outcome is a value.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthCheck } from '../../domain/desired.ts';
import { isInUse, isReachable, likelyCause } from './likely-cause.ts';
import { type Listener, listenerLook, type PortHolder, portHolders } from './listeners.ts';
import { type ProbeResult, type ProbeTarget, probe } from './probe.ts';

export type Exit = {
  code: number | null;
  signal: string | null;
  isOutOfMemory: boolean;
  /** What was done to it, when that says more than how it ended. */
  why?: string;
};
export type Healthy = {
  healthy: true;
  address: string;
  port: number;
  status: number;
  afterMs: number;
  notes: string[];
};
export type NotHealthy = {
  healthy: false;
  endedBy: 'exit' | 'limit' | 'cancelled';
  /** "exited with code 1 after 0.2 s" */
  reason: string;
  cause: string | null;
  status: number | null;
  notes: string[];
};

/** What the wait touches; tests pass their own. */
export type World = {
  nowMs(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  listenersOf(pids: readonly number[]): Promise<Listener[]>;
  probe(target: ProbeTarget): Promise<ProbeResult>;
  holders(ports: readonly number[]): Promise<PortHolder[]>;
};

export type HealthWait = {
  port: number;
  check: HealthCheck;
  /** The instance's processes now (its whole group). */
  pids(): readonly number[] | Promise<readonly number[]>;
  /** Where it is reached, and what listens there, when that is not this machine's own network. */
  place?: { host: string; listeners(): Promise<Listener[]> } | null;
  /** Ports that it is known for: one of them is it, when PORT is ignored. */
  ports?: readonly number[];
  /** Resolves when its first process ends. */
  exited: Promise<Exit>;
  logTail(): readonly string[] | Promise<readonly string[]>;
  signal?: AbortSignal;
};

/** So long may another port be open before PORT counts as ignored. */
const ignoredPortMs = 1000;

/** Early looks take one part in so many of the time. */
const looksShare = 8;

const realWorld = (): World => ({
  nowMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  listenersOf: listenerLook(),
  probe,
  holders: portHolders,
});

/** Waits for health, an exit, the limit or the signal, whichever comes first. */
export async function waitHealthy(wait: HealthWait, world: World = realWorld()): Promise<Healthy | NotHealthy> {
  const startMs = world.nowMs();
  const ranMs = () => world.nowMs() - startMs;
  const ended = new AbortController();
  const signal = wait.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, wait.signal]);
  let exit: Exit | null = null;
  void wait.exited.then((one) => {
    exit = one;
    ended.abort();
  });
  const exitNow = () => exit as Exit | null;

  const { place = null } = wait;
  const host = place?.host ?? null;
  const listenersOf = place === null ? world.listenersOf : listenerLook(() => place.listeners());
  let listeners: Listener[] = [];
  let status: number | null = null;
  let otherSinceMs: number | null = null;
  let otherPort: number | null = null;

  while (!signal.aborted && ranMs() < wait.check.timeoutMs) {
    const lookedAtMs = ranMs();
    listeners = await listenersOf(await wait.pids());
    const port = portNow();
    const reachable = listeners.filter((one) => one.port === port && isReachable(one, host));
    const addresses = new Set(reachable.map((one) => host ?? (one.family === 4 ? '127.0.0.1' : '::1')));
    for (const address of addresses) {
      if (signal.aborted) break;
      const timeoutMs = Math.max(1, Math.min(10_000, Math.ceil(wait.check.timeoutMs - ranMs())));
      const result = await world.probe({
        address,
        port,
        path: wait.check.path,
        host: wait.check.host,
        timeoutMs,
        signal,
      });
      // A machine without IPv6 on its loopback still lets a socket on [::] take IPv4. (A Set's loop sees what is added.)
      if (result.kind === 'failed' && result.why === 'no-address' && reachable.some((one) => one.address === '::'))
        addresses.add('127.0.0.1');
      if (result.kind !== 'answered' || signal.aborted) continue;
      status = result.status;
      if (status < 500 || wait.check.acceptServerErrors)
        return { healthy: true, address, port, status, afterMs: ranMs(), notes: notesFor(port, status) };
    }
    const earlyMs = Math.min(20, Math.max(4, looksShare * (ranMs() - lookedAtMs)));
    await world.sleep(ranMs() < 2000 ? earlyMs : 100, signal).catch(() => {});
  }
  return notHealthy();

  /** PORT, or the other port that they have listened on for a while: one that is known, or the only one. */
  function portNow(): number {
    const ports = [
      ...new Set(listeners.filter((one) => host === null || isReachable(one, host)).map((one) => one.port)),
    ];
    const only = ports.length === 1 ? ports[0]! : null;
    const other = ports.includes(wait.port) ? null : ((wait.ports ?? []).find((one) => ports.includes(one)) ?? only);
    if (other !== otherPort) {
      otherPort = other;
      otherSinceMs = other === null ? null : world.nowMs();
    }
    return other !== null && world.nowMs() - otherSinceMs! >= ignoredPortMs ? other : wait.port;
  }

  function notesFor(port: number, got: number | null): string[] {
    const notes: string[] = [];
    if (port !== wait.port) notes.push(`listens on ${port}, PORT (${wait.port}) is ignored`);
    if (got === 400) notes.push(`answers 400 to its own host ${wait.check.host}: check the list of allowed hosts`);
    if (got !== null && got >= 500) notes.push(`answers ${got} on ${wait.check.path}`);
    return notes;
  }

  async function notHealthy(): Promise<NotHealthy> {
    const one = exitNow();
    const tail = await wait.logTail();
    const facts = {
      exit: one,
      isOutOfMemory: one?.isOutOfMemory ?? false,
      ranMs: ranMs(),
      port: wait.port,
      host,
      listeners,
      held: isInUse(tail.join('\n')) ? await world.holders(portsNamed(tail)) : [],
      status,
    };
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
    const endedBy = one !== null ? 'exit' : wait.signal?.aborted ? 'cancelled' : 'limit';
    const answer = status === null ? 'no answer' : `last answer ${status}`;
    const reason = {
      exit: () =>
        one!.isOutOfMemory
          ? `out of memory after ${seconds(facts.ranMs)}`
          : `${one!.signal === null ? `exited with code ${one!.code}` : `ended by ${one!.signal}`} after ${seconds(facts.ranMs)}`,
      cancelled: () => 'cancelled',
      limit: () => `not healthy after ${seconds(facts.ranMs)}: ${answer} on ${wait.check.path}`,
    }[endedBy]();
    const cause = endedBy === 'cancelled' ? null : likelyCause(facts, tail);
    return { healthy: false, endedBy, reason, cause, status, notes: notesFor(wait.port, status) };
  }
}

/** Numbers in these lines that could be ports: a program that could not bind one mostly says which, or shows its line. */
function portsNamed(lines: readonly string[]): number[] {
  const numbers = lines.flatMap((line) => line.match(/\b[1-9]\d{1,4}\b/g) ?? []).map(Number);
  return [...new Set(numbers)].filter((port) => port < 65_536);
}
