// The figures of what landed: what is told of an app's quality over its releases. Pure.
import type { CheckResult } from './gate.ts';

/** null: nothing was measured. Shares are 0..1. */
export type QualityFigures = {
  coverage: number | null;
  docstrings: number | null;
  /** Style, types and documentation's warnings that are on main; files are counted as they were when last looked at. */
  findings: number | null;
  tests: number | null;
  testsFailed: number;
  testsSkipped: number;
  /** Tests that failed and then passed. */
  flaky: number;
  /** From the first check's start to the last one's end. */
  gateMs: number | null;
};

/** Style findings by file, as they were when a file was last looked at. */
export type StyleByFile = Readonly<Record<string, number>>;

/**
 * `version`: of the release that the changes became. `changes`: their numbers, ascending; several landed together as one commit, and
 * were measured once. None: it is not known (they are kept no more).
 */
export type Quality = {
  version: number;
  commit: string;
  changes: readonly number[];
  landedAtMs: number;
  figures: QualityFigures;
};

export function figuresOf(checks: readonly CheckResult[], style: StyleByFile): QualityFigures {
  const of = (kind: CheckResult['kind']) => checks.filter((one) => one.kind === kind);
  const sum = (among: readonly CheckResult[], name: string) =>
    among.reduce((total, { metrics }) => total + (metrics[name] ?? 0), 0);
  const tests = of('tests').filter(({ metrics }) => metrics.testsRun !== undefined);
  const looked = [...of('style'), ...of('types'), ...of('docs')];
  const others =
    sum(of('types'), 'typeFindings') + sum(of('docs'), 'docsWarnings') + sum(of('style'), 'formatFindings');
  const jobs = checks.filter(({ kind }) => !['build', 'boot', 'release'].includes(kind));
  return {
    coverage: weighed(of('coverage'), 'coverageLines', 'linesFound'),
    docstrings: weighed(of('docstrings'), 'docstrings', 'definitions'),
    findings: looked.length === 0 ? null : Object.values(style).reduce((total, count) => total + count, 0) + others,
    tests: tests.length === 0 ? null : sum(tests, 'testsRun'),
    testsFailed: sum(tests, 'testsFailed'),
    testsSkipped: sum(tests, 'testsSkipped'),
    flaky: tests.reduce((total, { flaky = [] }) => total + flaky.length, 0),
    gateMs:
      jobs.length === 0
        ? null
        : Math.round(
            Math.max(...jobs.map((one) => one.startedAtMs + one.durationMs)) -
              Math.min(...jobs.map((one) => one.startedAtMs)),
          ),
  };
}

/** The share of all, of several parts that each know their own; null: none does. */
function weighed(among: readonly CheckResult[], share: string, weight: string): number | null {
  let [all, reached] = [0, 0];
  for (const { metrics } of among) {
    if (metrics[share] === undefined) continue;
    all += metrics[weight] ?? 0;
    reached += metrics[share] * (metrics[weight] ?? 0);
  }
  return all === 0 ? null : reached / all;
}

/** Files beyond these are counted together. */
const mostFiles = 2000;
const rest = '';

/**
 * What the files have now: those that were looked at anew, the others as before as long as they are there.
 * @param paths every file of the tree; null: not known
 * @param changed files that were looked at; null: all of them
 */
export function styleNow(
  before: StyleByFile,
  checks: readonly Pick<CheckResult, 'kind' | 'byFile'>[],
  paths: ReadonlySet<string> | null,
  changed: ReadonlySet<string> | null,
): StyleByFile {
  const now = new Map<string, number>();
  if (changed !== null)
    for (const [file, count] of Object.entries(before))
      if ((file === rest || paths === null || paths.has(file)) && !changed.has(file)) now.set(file, count);
  const looked = new Map<string, number>();
  for (const { kind, byFile = {} } of checks)
    if (kind === 'style')
      for (const [file, count] of Object.entries(byFile)) looked.set(file, (looked.get(file) ?? 0) + count);
  for (const [file, count] of looked) now.set(file, count);
  const sorted = [...now].sort(([, a], [, b]) => b - a);
  const more = sorted.slice(mostFiles).reduce((total, [, count]) => total + count, 0);
  return Object.fromEntries([...sorted.slice(0, mostFiles), ...(more > 0 ? [[rest, more] as const] : [])]);
}

/** Of a check's findings, before the policy cuts them: how many each file has. */
export function countByFile(findings: readonly { file: string | null }[]): Record<string, number> | null {
  const counts: Record<string, number> = Object.create(null);
  let files = 0;
  for (const { file } of findings) {
    if (file === null) continue;
    if (counts[file] === undefined) files += 1;
    if (files > mostFiles && counts[file] === undefined) continue;
    counts[file] = (counts[file] ?? 0) + 1;
  }
  return files === 0 ? null : { ...counts };
}

// ---- shown of it -------------------------------------------------------------------------------------------------

export const badgeMetrics = ['gate', 'coverage', 'docs', 'in-sync'] as const;
export type BadgeMetric = (typeof badgeMetrics)[number];
export type BadgeColour = 'green' | 'yellow' | 'red' | 'grey';
export type Badge = { label: string; value: string; colour: BadgeColour };

/** One file among the reports of a change, by its path; `bytes` null: it is made when it is asked for. */
export type ReportItem = { path: string; bytes: number | null };
