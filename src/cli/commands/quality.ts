// `lockstep quality`: what the gate measured over the last releases, a line each; and `lockstep badge`: the same as a picture
// for a README.
import { badgeMetrics, type Quality, type QualityFigures } from '../../domain/quality.ts';
import { sparkline, trend } from '../present/chart.ts';
import type { Paint } from '../present/paint.ts';
import { table } from '../present/table.ts';
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

export type QualityView = QualityFigures & Pick<Quality, 'version' | 'commit' | 'changes'> & { landedAt: string };

export type FlakyTestView = { check: string; test: string; times: number; gates: number; lastAt: string };

/** Prints the figures of the last `-n` releases (20 unless told). */
export async function quality(session: Session): Promise<number> {
  const count = session.number('n', 1, 200) ?? 20;
  const app = await session.app();
  const { items, flakyTests = [] } = await (await session.api()).get<{
    items: QualityView[];
    flakyTests?: FlakyTestView[];
  }>(`/api/v1/apps/${app}/quality?limit=${count}`);
  if (session.isJson) session.printJson(items);
  else
    for (const line of [...qualityLines(items, session.paint, session.io.isOutTty), ...flakyLines(flakyTests)])
      session.print(line);
  return 0;
}

/** Each test that failed and passed when it ran again, three times or more in the last 20 gates. */
export function flakyLines(tests: readonly FlakyTestView[]): string[] {
  if (tests.length === 0) return [];
  const cells = tests.map(({ check, test, times, gates }) => [
    `  ${safeLine(test)}`,
    `${times} of the last ${gates} gates`,
    safeLine(check),
  ]);
  return ['flaky tests: they failed, and passed when they ran again', ...table(cells)];
}

const percent = (value: number): string => `${Math.floor(value * 1000 + 1e-9) / 10} %`;
const plain = (value: number): string => String(value);
const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;

type Row = {
  name: string;
  of: (one: QualityView) => number | null;
  shown: (value: number) => string;
  /** Which way is better; null: neither. */
  better: 'more' | 'fewer' | null;
};

/** A new figure is one more line. */
const rows: readonly Row[] = [
  { name: 'coverage', of: (one) => one.coverage, shown: percent, better: 'more' },
  { name: 'findings', of: (one) => one.findings, shown: plain, better: 'fewer' },
  { name: 'docstrings', of: (one) => one.docstrings, shown: percent, better: 'more' },
  { name: 'tests', of: (one) => one.tests, shown: plain, better: 'more' },
  { name: 'flaky tests', of: (one) => one.flaky, shown: plain, better: 'fewer' },
  { name: 'gate', of: (one) => one.gateMs, shown: seconds, better: null },
];

/** One line a figure, under one that says which releases. */
export function qualityLines(items: readonly QualityView[], paint: Paint, isTty: boolean): string[] {
  const [first, last] = [items[0], items.at(-1)];
  if (!first || !last) return ['nothing has landed yet'];
  const head = first === last ? `v${last.version}` : `v${first.version} to v${last.version}`;
  const cells = rows.map(({ name, of, shown, better }) => {
    const values = items.map(of);
    const known = values.filter((value) => value !== null);
    const change = (known.at(-1) ?? 0) - (known[0] ?? 0);
    const isWorse = better !== null && change !== 0 && change > 0 !== (better === 'more');
    const words = trend(values, shown);
    const line = isTty ? [sparkline(values)] : [];
    return [`  ${name}`, ...line, isWorse ? paint.yellow(words) : words];
  });
  return [`${paint.bold(head)}, ${countOf(items)}`, ...table(cells), ...batchLines(items)];
}

/** `10 releases by a change`, and where some landed together: `10 releases by 13 changes`. */
function countOf(items: readonly QualityView[]): string {
  const changes = items.reduce((sum, one) => sum + Math.max(1, one.changes.length), 0);
  const releases = `${items.length} ${items.length === 1 ? 'release' : 'releases'}`;
  return `${releases} by ${changes === items.length ? 'a change' : `${changes} changes`}`;
}

const mostBatches = 5;

/** What landed together was measured together: the newest batches, by the numbers of their changes. */
function batchLines(items: readonly QualityView[]): string[] {
  const batches = items.filter(({ changes }) => changes.length > 1);
  const lines = batches.slice(-mostBatches).map(({ version, changes }) => {
    const numbers = changes.map((number) => `#${number}`);
    return `  v${version} is ${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)}: landed together, measured once`;
  });
  const more = batches.length - lines.length;
  return more > 0 ? [...lines, `  ${more} more releases are several changes each`] : lines;
}

/** Prints the addresses of the badges, and says (or, with --public and --private, decides) who may read them. */
export async function badge(session: Session): Promise<number> {
  const app = await session.app();
  const api = await session.api();
  const path = `/api/v1/apps/${app}/badge`;
  const wanted = session.has('public') ? true : session.has('private') ? false : null;
  type Setting = { isPublic: boolean };
  const { isPublic } =
    wanted === null
      ? await api.get<Setting>(path)
      : (await api.send<Setting>('PATCH', path, { isPublic: wanted })).body;
  const badges = badgeMetrics.map((metric) => ({ metric, url: `${api.url}${path}.svg?metric=${metric}` }));
  if (session.isJson) session.printJson({ isPublic, badges });
  else {
    session.print(
      isPublic ? 'anybody may read the badges' : 'the badges need a token; lockstep badge --public opens them',
    );
    for (const { metric, url } of badges) session.print(`![${metric}](${url})`);
  }
  return 0;
}
