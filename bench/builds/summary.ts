// From the rounds to the answer: what an app's visitors feel of a build, as a ratio to the same app alone in the same round.
import { barOf, spreadOf } from '../journey/report.ts';
import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report } from '../support/report.ts';

/** `felt`: milliseconds of each answer, by what somebody else's build does meanwhile; `alone`: there is none. */
export type Round = { name: string; felt: Record<string, number[]> };

export type Figures = {
  machine: Machine;
  engine: string;
  everyMs: number;
  seconds: number;
  noise: number[];
  rounds: Round[];
};

/** As for every other neighbour (P6). */
const mostTimes = 2;
/** Below this a ratio is the scheduler's grain and no wait: one slice of a core. */
const grainMs = 10;

export function summarize(figures: Figures): Report {
  const { rounds } = figures;
  const names = [...new Set(rounds.map(({ name }) => name))];
  const works = [...new Set(rounds.flatMap(({ felt }) => Object.keys(felt)))];
  const of = (name: string, work: string) =>
    spreadOf(rounds.flatMap((round) => (round.name === name ? (round.felt[work] ?? []) : [])))!;
  const times = (name: string, work: string): number =>
    Math.max(of(name, work).p99, grainMs) / Math.max(of(name, 'alone').p99, grainMs);
  return {
    bench: 'builds',
    about: `An app in a process and one in a container, each asked every ${figures.everyMs} ms on kept connections for ${figures.seconds} s: alone, and while somebody else's image is built whose step burns four cores or writes 1.5 GB again and again; ${rounds.length / names.length} rounds, on ${figures.engine}.`,
    machine: figures.machine,
    void: noiseOf(figures.noise),
    tables: [
      {
        title: 'answer, ms',
        columns: ['p50', 'p95', 'p99', 'most', 'answers'],
        rows: names.flatMap((name) =>
          works.map((work) => {
            const { p50, p95, p99, most, count } = of(name, work);
            return [`${name}, ${work === 'alone' ? work : `a build ${work}`}`, p50, p95, p99, most, String(count)];
          }),
        ),
      },
    ],
    bars: names.flatMap((name) =>
      works
        .filter((work) => work !== 'alone')
        .map((work) =>
          barOf(`p99 of a ${name} while a build ${work}, beside alone`, times(name, work), mostTimes, 'times'),
        ),
    ),
    notes: [`A p99 below ${grainMs} ms counts as ${grainMs}.`],
    charts: [],
    figures: {
      ...figures,
      rounds: rounds.map(({ name, felt }) => ({
        name,
        felt: Object.fromEntries(Object.entries(felt).map(([work, took]) => [work, spreadOf(took)])),
      })),
    },
  };
}
