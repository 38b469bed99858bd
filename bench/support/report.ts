// What a bench says in the end, in one shape for all: tables, bars, and why it is void when it is. Printed for people, as JSON,
// and as the section of docs/benchmarks.md.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bar, inColumns, note, round } from '../journey/report.ts';
import type { Machine } from './machine.ts';

export type Table = { title: string; columns: readonly string[]; rows: readonly (readonly (string | number)[])[] };

/** One column a step, one row a figure. */
export function tableOfSteps<Step extends { apps: number }>(
  steps: readonly Step[],
  rows: readonly (readonly [string, (step: Step) => string | number])[],
): Table {
  const columns = steps.map(({ apps }) => String(apps));
  return { title: 'apps', columns, rows: rows.map(([name, figure]) => [name, ...steps.map(figure)]) };
}

/** An SVG file beside docs/benchmarks.md. */
export type Chart = { file: string; title: string; svg: string };

export type Report = {
  bench: string;
  /** What was measured, in a sentence. */
  about: string;
  machine: Machine;
  /** Why nothing of it counts; empty when it does. */
  void: readonly string[];
  tables: readonly Table[];
  bars: readonly Bar[];
  notes: readonly string[];
  charts: readonly Chart[];
  figures: unknown;
};

export type Printing = { isJson: boolean; isStrict: boolean };

/** Prints it, and sets the exit code: 0 with figures, with `isStrict` 1 when it is void or a bar fails. */
export function print(report: Report, { isJson, isStrict }: Printing): void {
  const json = { ...report, isMet: report.bars.every((bar) => bar.isMet), markdown: markdownOf(report) };
  process.stdout.write(isJson ? `${JSON.stringify(json)}\n` : `${textOf(report)}\n`);
  if (isStrict && (report.void.length > 0 || !json.isMet)) process.exitCode = 1;
}

export function textOf(report: Report): string {
  const { machine } = report;
  return [
    `${report.bench}: ${report.about}`,
    `${machineLine(machine)}`,
    ...report.void.map((why) => `VOID: ${why}`),
    ...report.tables.flatMap(({ title, columns, rows }) => ['', inColumns([[title, ...columns], ...rows.map(texts)])]),
    ...(report.bars.length > 0
      ? [
          '',
          inColumns([
            ['bar', 'limit', 'measured', ''],
            ...report.bars.map((bar) => [bar.what, ...barCells(bar), bar.isMet ? 'holds' : 'FAILS']),
          ]),
        ]
      : []),
    ...(report.notes.length > 0 ? ['', ...report.notes] : []),
  ].join('\n');
}

/** The section, without its heading. */
export function markdownOf(report: Report): string {
  const table = (columns: readonly string[], rows: readonly (readonly string[])[]) =>
    [columns, columns.map((_, at) => (at === 0 ? '---' : '--:')), ...rows]
      .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
      .join('\n');
  return [
    `${report.about}`,
    `_${machineLine(report.machine)}._`,
    ...report.tables.map(({ title, columns, rows }) => table([title, ...columns], rows.map(texts))),
    ...report.charts.map(({ file, title }) => `![${title}](${file})`),
    ...(report.bars.length > 0
      ? [
          table(
            ['bar', 'limit', 'measured', ''],
            report.bars.map((bar) => [bar.what, ...barCells(bar), bar.isMet ? 'holds' : '**fails**']),
          ),
        ]
      : []),
    ...(report.notes.length > 0 ? [report.notes.map((line) => `- ${line}`).join('\n')] : []),
  ].join('\n\n');
}

/** Writes the charts into a folder. */
export function writeCharts(folder: string, charts: readonly Chart[]): void {
  for (const { file, svg } of charts) writeFileSync(join(folder, file), svg);
}

/** Where on the way it is; for people who wait. */
export const say = note;

const machineLine = (machine: Machine) =>
  `${machine.date} UTC, commit ${machine.commit}, ${machine.cores} cores of ${machine.processor}, ${machine.memoryGB} GB, ${machine.system}, Node ${machine.node.slice(1)}, load before ${machine.loadBefore}`;

function texts(cells: readonly (string | number)[]): string[] {
  return cells.map((cell) => (typeof cell === 'number' ? String(round(cell)) : cell));
}

function barCells(bar: Bar): [string, string] {
  const measured = bar.measured === null ? '-' : `${Math.round(bar.measured * 100) / 100} ${bar.unit}`;
  return [`${bar.isLeast === true ? 'at least' : 'at most'} ${bar.limit} ${bar.unit}`, measured];
}
