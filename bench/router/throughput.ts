// As many requests as go through in a while: `wrk` on the core that the proxy does not have, or for the upstream alone, of which
// `wrk` finds no end, a cheaper program.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sharesOf, ticksOf } from '../support/machine.ts';
import { cpuSecondsOf } from '../support/processes.ts';
import { pathOf } from '../support/programs.ts';
import { host, type Running } from './contenders.ts';

export type Throughput = {
  perSecond: number;
  failed: number;
  /** Of the core, from 0 to 1: what the asked one used, and what anybody used. */
  ownShare: number;
  coreShare: number;
  /** Requests in a second of the asked one's processor time: what it could do if it never had to wait. */
  perCpuSecond: number;
};

export type Load = { seconds: number; connections: number; core: number; loadCore: number };
type Counted = { requests: number; perSecond: number; failed: number };
/** As many requests as go through, on kept connections. */
export type Asker = (port: number, load: Load) => Promise<Counted>;

export async function throughputOf(asked: Running, load: Load, ask: Asker = byWrk): Promise<Throughput> {
  const { core } = load;
  const [ticks, cpu, startedAt] = [ticksOf(core), cpuSecondsOf(asked.pid), performance.now()];
  const { requests, perSecond, failed } = await ask(asked.port, load);
  const elapsedS = (performance.now() - startedAt) / 1000;
  const cpuS = cpuSecondsOf(asked.pid) - cpu;
  const { busy, stolen } = sharesOf(ticks, ticksOf(core));
  return {
    perSecond,
    failed,
    ownShare: cpuS / elapsedS,
    coreShare: busy + stolen,
    perCpuSecond: requests / Math.max(cpuS, 0.01),
  };
}

const byWrk: Asker = async (port, { seconds, connections, loadCore }) => {
  const argv = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', `Host: ${host}`, `http://127.0.0.1:${port}/`];
  return readWrk(await output(loadCore, [pathOf('wrk')!, ...argv], seconds));
};

/** @param program of `asker.c` */
export const byAsker =
  (program: string): Asker =>
  async (port, { seconds, connections, loadCore }) => {
    const said = await output(loadCore, [program, ...[port, connections, seconds].map(String), host], seconds);
    const { requests, failed, seconds: took } = JSON.parse(said) as Record<'requests' | 'failed' | 'seconds', number>;
    return { requests, failed, perSecond: requests / took };
  };

async function output(core: number, argv: readonly string[], seconds: number): Promise<string> {
  const limits = { timeout: seconds * 1000 + 20_000 };
  return (await promisify(execFile)('taskset', ['-c', String(core), ...argv], limits)).stdout;
}

/** What wrk says in the end. @throws when it says something else */
export function readWrk(text: string): Counted {
  const requests = Number(/^\s*(\d+) requests in /m.exec(text)?.[1] ?? Number.NaN);
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(requests) || Number.isNaN(perSecond)) throw new Error(`wrk said: ${text}`);
  const wrong = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return { requests, perSecond, failed: errors.reduce((sum, count) => sum + Number(count), wrong) };
}
