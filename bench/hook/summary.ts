// From the runs of both sides to the answer: how long after the notice, and how many visitors it cost.
import type { Asked } from '../glue/asker.ts';
import { barOf, spreadOf } from '../journey/report.ts';
import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report } from '../support/report.ts';

export type Run = {
  liveMs: number;
  asked: Asked;
  /** Milliseconds from the notice to each moment of the change; empty for the four commands. */
  moments: Readonly<Record<string, number>>;
};

export type Figures = {
  machine: Machine;
  engine: string;
  everyMs: number;
  noise: number[];
  lockstep: Run[];
  commands: Run[];
};

export function summarize(figures: Figures): Report {
  const { lockstep, commands, everyMs } = figures;
  const sides = { 'docker-hook: pull, stop, rm, run': commands, Lockstep: lockstep };
  const names = [...new Set(lockstep.flatMap(({ moments }) => Object.keys(moments)))];
  const moment = (name: string) =>
    spreadOf(lockstep.flatMap(({ moments }) => (moments[name] === undefined ? [] : [moments[name]])))!;
  return {
    bench: 'hook',
    about: `${lockstep.length} images of a small site pushed to a registry for each side, whose notification is handed to Lockstep's hook and to docker-hook's four commands in turns, on ${figures.engine}; a page asked for every ${everyMs} ms, every other time on a fresh connection.`,
    machine: figures.machine,
    void: noiseOf(figures.noise),
    tables: [
      {
        title: 'notification to live, ms',
        columns: ['p50', 'p95', 'least', 'most', 'requests meanwhile', 'failed'],
        rows: Object.entries(sides).map(([name, runs]) => {
          const spread = spreadOf(runs.map(({ liveMs }) => liveMs));
          const figuresOf = spread ? [spread.p50, spread.p95, spread.least, spread.most] : ['-', '-', '-', '-'];
          return [name, ...figuresOf, String(sumOf(runs, 'requests')), String(sumOf(runs, 'failed'))];
        }),
      },
      {
        title: 'moment of the change, ms after the notification',
        columns: ['p50', 'p95'],
        rows: names
          .map((name): [string, number, number] => [name, moment(name).p50, moment(name).p95])
          .sort((one, other) => one[1] - other[1]),
      },
    ],
    bars: [barOf('requests that failed with Lockstep', sumOf(lockstep, 'failed'), 0, 'failed')],
    notes: Object.entries(sides).flatMap(([name, runs]) => {
      const why = [...new Set(runs.flatMap(({ asked }) => asked.why))];
      return why.length > 0 ? [`${name}: ${why.slice(0, 5).join('; ')}`] : [];
    }),
    charts: [],
    figures,
  };
}

const sumOf = (runs: readonly Run[], what: 'requests' | 'failed'): number =>
  runs.reduce((sum, { asked }) => sum + asked[what], 0);
