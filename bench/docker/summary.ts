// Lockstep's own share of a push: what is left of push to live when the longer of the engine's floor and the checks by hand is
// taken off, run by run. A run in which the gate was not whole makes all of it void.
import { type Bar, barOf, spreadOf } from '../journey/report.ts';
import type { Stage as Part } from '../journey/stages.ts';
import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report, Table } from '../support/report.ts';
import type { Floor } from './floor.ts';
import type { ByHand } from './hand.ts';

export type Run = {
  pushToLiveMs: number;
  floor: Floor;
  hand: ByHand;
  /** Along the critical path of the push. */
  stages: readonly Part[];
  /** As they ran beside one another. */
  checks: readonly Part[];
  void: readonly string[];
};

export type Figures = {
  machine: Machine;
  engine: string;
  /** So often the page is asked for. */
  everyMs: number;
  noise: number[];
  warm: Run[];
  /** With a dependency layer that nobody has built. */
  cold: Run[];
  /** With a Dockerfile that a person wrote, one changed line. */
  own: OwnRun[];
  tools: readonly string[];
};

export type OwnRun = Pick<Run, 'pushToLiveMs' | 'void'>;

const pushBarMs = 1500;
const shareBar = 20;

/** Percent of push to live. */
export function ownShareOf({ pushToLiveMs, floor, hand }: Pick<Run, 'pushToLiveMs' | 'floor' | 'hand'>): number {
  return (Math.max(0, pushToLiveMs - Math.max(floor.totalMs, hand.totalMs)) / pushToLiveMs) * 100;
}

export function summarize(figures: Figures): Report {
  const counting = (runs: readonly Run[]) => runs.filter((run) => run.void.length === 0);
  const [warm, cold] = [counting(figures.warm), counting(figures.cold)];
  const middle = (pick: (run: Run) => number) => spreadOf(warm.map(pick))?.p50;
  const bars: Bar[] = [
    barOf(
      'push to live, p50',
      middle((run) => run.pushToLiveMs),
      pushBarMs,
    ),
    barOf("Lockstep's own share of it, p50", middle(ownShareOf), shareBar, '%'),
  ];
  const own = figures.own.filter((run) => run.void.length === 0);
  const voids = [...figures.warm, ...figures.cold, ...figures.own].flatMap((run) => run.void);
  return {
    bench: 'docker',
    about: `The example app (Flask, 51 tests) as an image that Lockstep writes, on ${figures.engine}: ${warm.length} pushes of a changed line and ${cold.length} with a new dependency layer, through the whole gate; beside each the engine alone and the checks by hand in containers. The page is asked for every ${figures.everyMs} ms until it is there.`,
    machine: figures.machine,
    void: [...noiseOf(figures.noise), ...new Set(voids)],
    tables: [
      tableOf('one changed line, ms', warm),
      ...(cold.length > 0 ? [tableOf('a new dependency layer, packages in the cache, ms', cold)] : []),
      ...(own.length > 0 ? [ownTable(own)] : []),
      partsOf('stage along the critical path, one changed line, ms', warm, ({ stages }) => stages),
      partsOf('checks beside one another, one changed line, ms', warm, ({ checks }) => checks),
    ],
    bars,
    notes: [
      'The floor checks nothing, limits nothing and dials the container itself. By hand: an image with the sources in its last layer, then style and tests one after the other, each by docker run.',
      `Own share, %: push to live less the longer of the two. Style by hand: ${figures.tools.join(', ')}.`,
    ],
    charts: [],
    figures,
  };
}

const ownTable = (runs: readonly OwnRun[]): Table => ({
  title: 'one changed line, with a Dockerfile as people write them, ms',
  columns: ['p50', 'p95', 'least', 'most'],
  rows: [
    rowOf(
      'Lockstep: push to live',
      runs.map((run) => run.pushToLiveMs),
    ),
  ],
});

function tableOf(title: string, runs: readonly Run[]): Table {
  const rows: [string, (run: Run) => number][] = [
    ['Lockstep: push to live', (run) => run.pushToLiveMs],
    ['engine alone: to the first answer', (run) => run.floor.totalMs],
    ['- build', (run) => run.floor.buildMs],
    ['- create', (run) => run.floor.createMs],
    ['- start', (run) => run.floor.startMs],
    ['- boot', (run) => run.floor.bootMs],
    ['checks by hand in containers', (run) => run.hand.totalMs],
    ['- image', (run) => run.hand.imageMs],
    ['- style', (run) => run.hand.styleMs],
    ['- tests with coverage', (run) => run.hand.testsMs],
    ['own share, %', ownShareOf],
    // Whoever has two hands runs style beside the tests.
    ['own share if by hand style runs beside the tests, %', (run) => ownShareOf(besides(run))],
  ];
  return {
    title,
    columns: ['p50', 'p95', 'least', 'most'],
    rows: rows.map(([name, pick]) => rowOf(name, runs.map(pick))),
  };
}

const besides = (run: Run): Run => ({
  ...run,
  hand: { ...run.hand, totalMs: run.hand.imageMs + Math.max(run.hand.styleMs, run.hand.testsMs) },
});

function partsOf(title: string, runs: readonly Run[], pick: (run: Run) => readonly Part[]): Table {
  const names = new Set(runs.flatMap((run) => pick(run).map(({ name }) => name)));
  const of = (name: string) =>
    runs.flatMap((run) => pick(run).flatMap((part) => (part.name === name ? [part.ms] : [])));
  return { title, columns: ['p50', 'p95', 'least', 'most'], rows: [...names].map((name) => rowOf(name, of(name))) };
}

function rowOf(name: string, values: readonly number[]): (string | number)[] {
  const spread = spreadOf(values);
  return [name, ...(spread ? [spread.p50, spread.p95, spread.least, spread.most] : ['-', '-', '-', '-'])];
}
