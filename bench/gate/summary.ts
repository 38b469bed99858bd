// From the figures to the answer: tables, bars, notes. A bar of a piece that was not asked for is not there.
import { type Bar, barOf, spreadOf } from '../journey/report.ts';
import { type Machine, noiseOf } from '../support/machine.ts';
import type { Report, Table } from '../support/report.ts';
import { tools } from './by-hand.ts';
import type { Told } from './examples.ts';
import type { Options } from './options.ts';
import type { Queue } from './queue.ts';
import type { Whole } from './whole.ts';

export type Figures = {
  machine: Machine;
  noise: number[];
  options: Options;
  whole: Whole | null;
  examples: Told[];
  memoMs: number[];
  queues: Queue[];
};

/** What the gate may cost over the same tools by hand: the larger of the two. */
const overheadShare = 0.15;
const overheadMs = 150;
const liveLimitMs = 1500;

export function summarize(figures: Figures): Report {
  const { machine, noise, options, whole, examples, memoMs, queues } = figures;
  const seven = examples.length > 0 ? `each check on ${examples.length} examples, ` : '';
  return {
    bench: 'gate',
    about: `The Flask example with style, types, tests, coverage, docstrings and docs on (${options.runs} pushes of each kind, in turns with the same tools by hand), ${seven}a tree that was checked before, and ${options.merges} merge requests asked for at once.`,
    machine,
    void: [...noiseOf(noise), ...new Set(whole?.void), ...examples.flatMap(broken)],
    tables: [
      ...(whole ? wholeTables(whole) : []),
      ...exampleTables(examples),
      ...memoTables(memoMs),
      ...queueTables(queues),
    ],
    bars: [...(whole ? wholeBars(whole) : []), ...queues.flatMap(queueBars)],
    notes: [
      ...(whole
        ? [
            'By hand, at once: the tools and the start of the app beside each other, as in the gate; the limit is 150 ms or 15 % over that, whichever is more.',
            'A line of a body: the API pages are those of main. A line of a constant: they show it, and are built again.',
          ]
        : []),
      ...(queues.length > 0
        ? [
            'The branches that are refused are green by themselves and fail with any other, so they are found in batches, which are halved.',
          ]
        : []),
    ],
    charts: [],
    figures: { whole, examples, memoMs, queues },
  };
}

const broken = ({ example, broke }: Told): string[] =>
  broke === null ? [] : [`${example} did not come through: ${broke}`];

const p50 = (values: readonly number[]): number => spreadOf(values)?.p50 ?? Number.NaN;
const spread = (name: string, values: readonly number[]): (string | number)[] => {
  const { p50: middle = 0, p95 = 0, least = 0, most = 0 } = spreadOf(values) ?? {};
  return [name, middle, p95, least, most];
};

function wholeTables({ body, constant, inTurn, atOnce, firstMs }: Whole): Table[] {
  const rows = [...tools, 'start'] as const;
  return [
    {
      title: 'every check on, ms',
      columns: ['p50', 'p95', 'least', 'most'],
      rows: [
        spread(
          'push to live, a line of a body',
          body.map(({ liveMs }) => liveMs),
        ),
        spread(
          'push to live, a constant',
          constant.map(({ liveMs }) => liveMs),
        ),
        spread(
          'gate, a line of a body',
          body.map(({ gateMs }) => gateMs),
        ),
        spread(
          'gate, a constant',
          constant.map(({ gateMs }) => gateMs),
        ),
        spread(
          'by hand, at once',
          atOnce.map(({ wholeMs }) => wholeMs),
        ),
        spread(
          'by hand, in turn',
          inTurn.map(({ wholeMs }) => wholeMs),
        ),
        spread('the first push', [firstMs]),
      ],
    },
    {
      title: 'each check, p50, ms',
      columns: ['gate, body', 'gate, constant', 'by hand, at once', 'by hand, in turn'],
      rows: rows.map((name) => {
        const inGate = name === 'start' ? 'boot' : name;
        const gate = [body, constant].map((all) => p50(all.map(({ checks }) => checks[inGate] ?? Number.NaN)));
        return [name, ...gate, ...[atOnce, inTurn].map((all) => p50(all.map(({ each }) => each[name])))];
      }),
    },
  ];
}

function wholeBars({ body, constant, atOnce }: Whole): Bar[] {
  const hand = (of: (one: Whole['atOnce'][number]) => number) => p50(atOnce.map(of));
  const over = (what: string, gateMs: number, handMs: number): Bar =>
    barOf(what, gateMs, handMs + Math.max(overheadMs, handMs * overheadShare));
  const gateOf = (name: string) => p50(constant.map(({ checks }) => checks[name] ?? Number.NaN));
  return [
    barOf('push to live with every check, p50', p50(body.map(({ liveMs }) => liveMs)), liveLimitMs),
    // Where the pages are built again: then both sides do the same.
    over(
      'the whole gate, against by hand at once',
      p50(constant.map(({ gateMs }) => gateMs)),
      hand((one) => one.wholeMs),
    ),
    ...(['style', 'types', 'tests', 'docs'] as const).map((name) =>
      over(
        `${name}, against by hand at once`,
        gateOf(name),
        hand(({ each }) => each[name]),
      ),
    ),
  ];
}

function exampleTables(examples: readonly Told[]): Table[] {
  if (examples.length === 0) return [];
  const rows = examples.map(({ example, gateMs, checks, broke }) => {
    if (broke !== null) return [example, '-', '-'];
    const each = Object.entries(checks).map(([name, ms]) => [name, p50(ms)] as const);
    const told = each.sort(([, a], [, b]) => b - a).map(([name, ms]) => `${name} ${Math.round(ms)}`);
    return [example, p50(gateMs), told.join(', ')];
  });
  return [{ title: 'examples, p50, ms', columns: ['gate', 'its checks'], rows }];
}

const memoTables = (memoMs: readonly number[]): Table[] =>
  memoMs.length === 0
    ? []
    : [
        {
          title: 'a tree that was checked before, ms',
          columns: ['p50', 'p95', 'least', 'most'],
          rows: [spread('gate, with the start of the release', memoMs)],
        },
      ];

const queueTables = (queues: readonly Queue[]): Table[] =>
  queues.length === 0
    ? []
    : [
        {
          title: 'merge requests at once',
          columns: ['landed', 'in commits', 'refused', 'seconds', 'ended a minute'],
          rows: queues.map(({ share, asked, landed, gates, rejected, seconds }) => [
            `${share * 100} % fail`,
            ...[landed, gates, rejected, seconds, (asked / seconds) * 60],
          ]),
        },
      ];

/** Whatever the share is: those that are right have landed, and no other. */
const queueBars = ({ share, asked, landed }: Queue): Bar[] => {
  const bad = share > 0 ? Math.floor(asked / Math.round(1 / share)) : 0;
  return [barOf(`right and not landed, of ${asked - bad}, ${share * 100} % fail`, asked - bad - landed, 0, 'failed')];
};
