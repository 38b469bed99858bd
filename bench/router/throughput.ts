// As many requests as go through in a while: `wrk` on the core that the proxy does not have.
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

export async function throughputOf(
  asked: Running,
  { seconds, connections, core, loadCore }: Load,
): Promise<Throughput> {
  const [ticks, cpu, startedAt] = [ticksOf(core), cpuSecondsOf(asked.pid), performance.now()];
  const argv = ['-c', String(loadCore), pathOf('wrk')!, '-t1', `-c${connections}`, `-d${seconds}s`];
  const { stdout } = await promisify(execFile)('taskset', [
    ...argv,
    '-H',
    `Host: ${host}`,
    `http://127.0.0.1:${asked.port}/`,
  ]);
  const elapsedS = (performance.now() - startedAt) / 1000;
  const cpuS = cpuSecondsOf(asked.pid) - cpu;
  const { requests, perSecond, failed } = readWrk(stdout);
  const { busy, stolen } = sharesOf(ticks, ticksOf(core));
  return {
    perSecond,
    failed,
    ownShare: cpuS / elapsedS,
    coreShare: busy + stolen,
    perCpuSecond: requests / Math.max(cpuS, 0.01),
  };
}

/** What wrk says in the end. @throws when it says something else */
export function readWrk(text: string): { requests: number; perSecond: number; failed: number } {
  const requests = Number(/^\s*(\d+) requests in /m.exec(text)?.[1] ?? Number.NaN);
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(requests) || Number.isNaN(perSecond)) throw new Error(`wrk said: ${text}`);
  const wrong = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return { requests, perSecond, failed: errors.reduce((sum, count) => sum + Number(count), wrong) };
}
