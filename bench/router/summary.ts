// From the measurements to the answer, and why it is void when it is.
import { barOf, leastOf, spreadOf } from '../journey/report.ts';
import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report } from '../support/report.ts';
import type { IdleCost } from './idle-connections.ts';
import type { Paced } from './pace.ts';
import type { Throughput } from './throughput.ts';

export type Result = {
  machine: Machine;
  /** What others used of the machine at moments of rest, from 0 to 1. */
  noise: readonly number[];
  asked: { seconds: number; rounds: number; rate: number; connections: number; idle: number };
  versions: readonly string[];
  upstreamAlone: Throughput;
  throughput: Readonly<Record<string, readonly Throughput[]>>;
  paced: Readonly<Record<string, Paced>>;
  idle: Readonly<Record<string, IdleCost>>;
};

/** The upstream has to be so much faster than the fastest proxy. */
const upstreamFactor = 3;
/** A proxy that used less of its core was held back by something else. */
const fullShare = 0.93;
/** What others may have used of the proxy's core. */
const foreignShare = 0.05;

export function summarize(result: Result): Report {
  const { asked, machine, paced, idle, upstreamAlone } = result;
  const middle = Object.fromEntries(
    Object.entries(result.throughput).map(([name, runs]) => [name, middleOf(runs, (run) => run.perSecond)]),
  );
  const perSecond = (name: string) => middle[name]?.perSecond ?? null;
  const times = Object.fromEntries(Object.entries(paced).map(([name, { ms }]) => [name, spreadInMicros(ms)]));
  const added = (name: string, of: 'p50' | 'p99') =>
    times[name] && times.directly ? times[name][of] - times.directly[of] : null;
  const failed = [...Object.values(result.throughput).flat(), ...Object.values(paced), upstreamAlone].reduce(
    (sum, run) => sum + run.failed,
    0,
  );
  return {
    bench: 'router',
    about: `One core for each proxy; the upstream (1 KB an answer) and whoever asks on the other. ${result.versions.join(', ')}.`,
    machine,
    void: voidOf(result, middle),
    tables: [
      {
        title: `as much as goes through, ${asked.connections} connections, ${asked.rounds} x ${asked.seconds} s in turns, the middle one`,
        columns: ['requests/s', 'of its core', 'requests per CPU second'],
        rows: Object.entries({ ...middle, 'the upstream in the place of a proxy': upstreamAlone }).map(
          ([name, run]) => [
            name,
            String(Math.round(run.perSecond)),
            `${Math.round(run.ownShare * 100)} %`,
            String(Math.round(run.perCpuSecond)),
          ],
        ),
      },
      {
        title: `${asked.rate} requests/s, ${asked.rounds} x ${asked.seconds} s in turns; milliseconds`,
        columns: ['p50', 'p99', 'added p50', 'added p99'],
        rows: Object.entries(times).map(([name, spread]) => [
          name,
          ...[spread.p50, spread.p99, ...(name === 'directly' ? [] : [added(name, 'p50'), added(name, 'p99')])].map(
            (value) => (value ?? 0).toFixed(2),
          ),
        ]),
      },
      {
        title: `${asked.idle} idle connections, after 22 s of rest; MB`,
        columns: ['PSS before', 'PSS with them', 'RSS with them', 'still open', 'PSS, nothing asked yet', 'still open'],
        rows: Object.entries(idle).map(([name, cost]) => [
          name,
          cost.before.pss,
          cost.during.pss,
          cost.during.rss,
          String(cost.held),
          cost.unasked.during.pss,
          String(cost.unasked.held),
        ]),
      },
    ],
    bars: [
      leastOf(
        "requests/s of one core, at least Caddy's",
        perSecond('Lockstep'),
        perSecond('Caddy') ?? Infinity,
        'requests/s',
      ),
      barOf(`added p50 at ${asked.rate} requests/s`, added('Lockstep', 'p50'), 0.5),
      barOf(
        `${asked.idle} idle connections, PSS`,
        idle.Lockstep?.held === asked.idle ? idle.Lockstep.during.pss : null,
        120,
        'MB',
      ),
      barOf('failed requests, of all', failed, 0, 'failed'),
    ],
    notes: [],
    charts: [],
    figures: { ...result, paced: times },
  };
}

function voidOf({ noise, upstreamAlone, throughput }: Result, middle: Record<string, Throughput>): string[] {
  const wrong = noiseOf(noise);
  const [fastest, fastestRun] = Object.entries(middle).reduce((one, other) =>
    other[1].perSecond > one[1].perSecond ? other : one,
  );
  const factor = upstreamAlone.perCpuSecond / fastestRun.perCpuSecond;
  if (factor < upstreamFactor)
    wrong.push(
      `the upstream is ${factor.toFixed(1)} times as fast as ${fastest}, a core against a core, and not ${upstreamFactor} times`,
    );
  if (upstreamAlone.ownShare < fullShare)
    wrong.push(
      `the upstream alone used ${Math.round(upstreamAlone.ownShare * 100)} % of its core: who asked it was the limit`,
    );
  for (const [name, runs] of Object.entries(throughput)) {
    const held = runs.filter((run) => run.ownShare < fullShare);
    const shared = runs.filter((run) => run.coreShare - run.ownShare > foreignShare);
    if (held.length * 2 > runs.length)
      wrong.push(`${name} used ${Math.round(held[0]!.ownShare * 100)} % of its core: something else was the limit`);
    if (shared.length * 2 > runs.length) wrong.push(`${name} was not alone on its core`);
  }
  return wrong;
}

/** The one in the middle of those that were measured. */
export function middleOf<T>(runs: readonly T[], by: (run: T) => number): T {
  return [...runs].sort((a, b) => by(a) - by(b))[Math.floor((runs.length - 1) / 2)]!;
}

/** Of many fractions of a millisecond: `spreadOf` rounds to tenths. */
function spreadInMicros(ms: readonly number[]): { p50: number; p99: number; count: number } {
  const spread = spreadOf(ms.map((value) => value * 1000));
  return { p50: (spread?.p50 ?? 0) / 1000, p99: (spread?.p99 ?? 0) / 1000, count: ms.length };
}
