// From the runs to the answer: percentiles, the stages in a row, the bars of DESIGN 11. Void runs are told and not counted.

import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report } from '../support/report.ts';
import type { ByHand } from './hand.ts';
import type { Memory } from './memory.ts';
import { type Bar, barOf, inColumns, round, type Spread, spreadOf } from './report.ts';
import type { Staged } from './stages.ts';
import type { Variant } from './variants.ts';

/** Milliseconds. */
export type Run = {
  pushToLiveMs: number;
  pushReturnsMs: number;
  /** From the return of main's advance. */
  mergeToLiveMs: number;
  rejectMs: number;
  /** From the HTTP request. */
  rollbackMs: number;
  rollbackCommandMs: number;
  /** From the start of the command line to the request's arrival. */
  commandStartMs: number;
  staged: Staged;
  /** Its checks, and how many of them found their programs started ahead. */
  ahead: { checks: number; waited: number };
  hand: ByHand;
  glue: { liveMs: number; returnedMs: number };
  /** Of the machine, over the last minute, at the run's end. */
  load: number;
  /** Why it does not count; empty when it does. */
  void: string[];
};

export type Measured = {
  wanted: number;
  runs: readonly Run[];
  /** Why runs broke off that gave no figures. */
  broken: readonly string[];
  firstPush: number;
  /** Why nothing of this counts. */
  off: readonly string[];
  memory: { source: Memory; compiled: Memory | null; restMs: number };
  machine: Machine;
  /** What others used of the machine at moments of rest, from 0 to 1. */
  noise: readonly number[];
  variants: readonly Variant[];
  beside: { packages: readonly string[]; glue: string };
};

export type Summary = {
  figures: Record<string, unknown>;
  /** The same for people. */
  table: string;
  /** What of it goes into docs/benchmarks.md. */
  page: Report;
  /** Every bar holds, and as many runs counted as were wanted. */
  isMet: boolean;
};

export function summarize(measured: Measured): Summary {
  const { memory, off, wanted } = measured;
  const valid = off.length > 0 ? [] : measured.runs.filter((run) => run.void.length === 0);
  const of = (pick: (run: Run) => number): Spread | null => spreadOf(valid.map(pick));
  const lockstep = {
    pushToLive: of((run) => run.pushToLiveMs),
    pushReturns: of((run) => run.pushReturnsMs),
    mergeToLive: of((run) => run.mergeToLiveMs),
    ownShare: of((run) => run.staged.ownMs),
    reject: of((run) => run.rejectMs),
    rollback: of((run) => run.rollbackMs),
    rollbackByCommand: of((run) => run.rollbackCommandMs),
    commandStart: of((run) => run.commandStartMs),
  };
  const hand = {
    style: of((run) => run.hand.styleMs),
    tests: of((run) => run.hand.testsMs),
    checks: of((run) => run.hand.checksMs),
    start: of((run) => run.hand.startMs),
  };
  const glue = { pushToLive: of((run) => run.glue.liveMs), pushReturns: of((run) => run.glue.returnedMs) };
  const longerByHand = Math.max(hand.checks?.p50 ?? 0, hand.start?.p50 ?? 0);
  const bars: Bar[] = [
    barOf('push to live, p50', lockstep.pushToLive?.p50, 1000),
    barOf('push to live, p50, against by hand + 250', lockstep.pushToLive?.p50, longerByHand + 250),
    barOf("Lockstep's own share, p50", lockstep.ownShare?.p50, 150),
    barOf('merge to live, p50', lockstep.mergeToLive?.p50, 25),
    barOf('merge to live, p99', lockstep.mergeToLive?.p99, 250),
    barOf('rejected push, p50', lockstep.reject?.p50, 500),
    barOf('rollback from the request, p50', lockstep.rollback?.p50, 500),
    barOf("first push, packages in uv's cache", measured.firstPush, 5000),
    ...(memory.compiled ? [barOf('memory at rest, compiled', memory.compiled.sum, 150, 'MB')] : []),
  ];
  const isMet = bars.every((bar) => bar.isMet) && valid.length >= wanted;
  const stages = columnsOf(valid, ({ stages: each }) => each);
  const checks = columnsOf(valid, ({ beside }) => beside);
  const voids = measured.runs.flatMap((run, at) => (run.void.length > 0 ? [{ run: at + 1, why: run.void }] : []));
  const waited = sumOf(valid.map(({ ahead }) => ahead.waited));
  const aheadNote = `Of ${sumOf(valid.map(({ ahead }) => ahead.checks))} checks of these pushes ${waited} found their programs started ahead.`;
  const voidWhy = [
    ...off,
    ...noiseOf(measured.noise),
    ...(valid.length < wanted ? [`only ${valid.length} of ${wanted} runs count`] : []),
    ...measured.variants.flatMap(({ name, wrong }) => wrong.map((why) => `${name}: ${why}`)),
  ];
  const variants = {
    title: 'other shapes of a push, p50, ms',
    columns: ['push to live', 'own share', 'until it is received', 'tree read and placed'],
    rows: measured.variants.map((one) => [
      one.name,
      ...[one.pushToLive, one.ownShare, one.receive, one.tree].map(({ p50 }) => p50),
    ]),
  };
  const page: Report = {
    bench: 'journey',
    about: `The example app (Flask, 51 tests), ${valid.length} pushes of a tree that nobody has seen, through the whole gate, a page asked for every 5 ms.`,
    machine: measured.machine,
    void: voidWhy,
    tables: [
      {
        title: 'milliseconds',
        columns: ['p50', 'p95', 'least', 'most'],
        rows: [...rowsOf('Lockstep: ', lockstep), ...rowsOf('by hand: ', hand), ...rowsOf('glue script: ', glue)],
      },
      {
        title: 'stage along the critical path, ms',
        columns: ['p50', 'p95', 'least', 'most'],
        rows: rowsOf('', stages),
      },
      ...(variants.rows.length > 0 ? [variants] : []),
    ],
    bars,
    notes: [aheadNote],
    charts: [],
    figures: null,
  };
  return {
    page,
    figures: {
      bench: 'journey',
      isMet,
      validRuns: valid.length,
      firstPushMs: round(measured.firstPush),
      lockstepMs: lockstep,
      byHandMs: hand,
      glueMs: glue,
      stagesMs: stages,
      checksMs: checks,
      bars,
      variants: measured.variants,
      memoryMB: memory,
      off,
      voids,
      broken: measured.broken,
      runs: measured.runs.map(presentRun),
      machine: measured.machine,
      beside: measured.beside,
    },
    table: [
      `journey: ${valid.length} runs that count, ${voids.length} void, load before ${measured.machine.loadBefore} on ${measured.machine.cores} cores`,
      ...voidWhy.map((why) => `VOID: ${why}`),
      ...voids.map(({ run, why }) => `run ${run} is void: ${why.join('; ')}`),
      ...measured.broken.map((why) => `a run broke off: ${why}`),
      '',
      inColumns([
        ['milliseconds', 'p50', 'p95', 'least', 'most'],
        ...rowsOf('Lockstep: ', lockstep),
        ...rowsOf('by hand: ', hand),
        ...rowsOf('glue script: ', glue),
      ]),
      '',
      inColumns([
        ['stage of a push, along the critical path', 'p50', 'p95', 'least', 'most'],
        ...rowsOf('', stages),
        ['beside one another:'],
        ...rowsOf('  ', checks),
      ]),
      '',
      inColumns([
        ['the stages of every run, and the load at its end'],
        ...measured.runs.map(({ staged, pushToLiveMs, load }, at) => [
          `${at + 1}`,
          ...staged.stages.map(({ name, ms }) => `${name} ${Math.round(ms)}`),
          `= ${Math.round(staged.sumMs)} of ${Math.round(pushToLiveMs)}`,
          `load ${load}`,
        ]),
      ]),
      '',
      inColumns([
        [variants.title, ...variants.columns],
        ...variants.rows.map((cells) => cells.map((cell) => (typeof cell === 'number' ? `${round(cell)}` : cell))),
      ]),
      '',
      inColumns([
        ['memory, PSS in MB', 'agent', 'control', 'router', 'sum'],
        ...Object.entries({ 'from source': memory.source, compiled: memory.compiled }).map(([name, each]) =>
          each ? [name, ...[each.agent, each.control, each.router, each.sum].map(String)] : [name, 'not built'],
        ),
      ]),
      memory.restMs === 0 ? '(read at once; --rest waits a minute, as the bar says)' : '(after a minute at rest)',
      '',
      inColumns([
        ['bar', 'limit', 'measured', ''],
        ...bars.map((bar) => [
          bar.what,
          `${bar.limit} ${bar.unit}`,
          bar.measured === null ? '-' : `${round(bar.measured)} ${bar.unit}`,
          bar.isMet ? 'holds' : 'FAILS',
        ]),
      ]),
      aheadNote,
      `The glue script runs no check; ${measured.beside.glue}.`,
    ].join('\n'),
    isMet,
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const presentRun = ({ staged, ...run }: Run) => ({
  ...run,
  ownMs: staged.ownMs,
  stages: Object.fromEntries(staged.stages.map(({ name, ms }) => [name, round(ms)])),
  stagesSumMs: round(staged.sumMs),
  stagesShare: Math.round(staged.share * 1000) / 1000,
  checks: Object.fromEntries(staged.beside.map(({ name, ms }) => [name, round(ms)])),
});

/** The spread of every stage that any run has, in the order of the first run that has it. */
function columnsOf(runs: readonly Run[], pick: (staged: Staged) => Staged['stages']): Record<string, Spread | null> {
  const names = new Set(runs.flatMap(({ staged }) => pick(staged).map(({ name }) => name)));
  const of = (name: string) =>
    spreadOf(runs.flatMap(({ staged }) => pick(staged).flatMap((one) => (one.name === name ? [one.ms] : []))));
  return Object.fromEntries([...names].map((name) => [name, of(name)]));
}

function rowsOf(prefix: string, spreads: Record<string, Spread | null>): string[][] {
  return Object.entries(spreads).map(([name, spread]) => [
    prefix + name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
    ...(spread
      ? [spread.p50, spread.p95, spread.least, spread.most].map((value) => String(Math.round(value * 10) / 10))
      : ['-']),
  ]);
}
