// One change for people: what became of it, its checks with their times and figures, each finding with the lines around it, and the
// command that shows the first failure again. All text of the app's tools is untrusted.
import { type CheckResult, checkKinds } from '../../domain/gate.ts';
import type { ChangeDetailView } from '../commands/views.ts';
import type { Paint } from './paint.ts';
import { table } from './table.ts';
import { ago, safeLine, seconds, short } from './text.ts';

const shownFindings = 20;
const words: Readonly<Record<CheckResult['outcome'], string>> = {
  passed: 'ok',
  failed: 'FAILED',
  infra: 'could not run',
  skipped: 'skipped',
};

/** One line: number, state, who asked for it, when, and how long it took. */
export function changeHead(change: ChangeDetailView, paint: Paint, nowMs: number): string {
  const { state, createdAt, endedAt } = change;
  const colour = state === 'landed' ? paint.green : paint.yellow;
  const what = change.source === null ? '' : ` of ${safeLine(change.source)}`;
  const took = endedAt === null ? '' : ` (${seconds(Date.parse(endedAt) - Date.parse(createdAt))})`;
  return `${paint.bold(`#${change.number}`)} ${colour(state)}  ${change.how}${what} by ${safeLine(change.actor)}, ${ago(Date.parse(createdAt), nowMs)}${took}`;
}

export function changeLines(change: ChangeDetailView, paint: Paint, nowMs: number): string[] {
  const checks = [...(change.verdict?.checks ?? [])].sort(
    (a, b) => checkKinds.indexOf(a.kind) - checkKinds.indexOf(b.kind),
  );
  const failed = checks.filter(({ outcome }) => outcome === 'failed');
  return [
    changeHead(change, paint, nowMs),
    `  commit ${short(change.head)} on main ${change.base === null ? '(the first push)' : short(change.base)}`,
    ...(change.reason ? [`  ${safeLine(change.reason)}`] : []),
    ...(change.allowsWeaker ? ['  may make the gate weaker'] : []),
    ...(change.override === null ? [] : [`  let past the checks: ${safeLine(change.override)}`]),
    ...(change.isMemoised ? ['  this tree was checked before: the checks are those of then'] : []),
    ...(checks.length > 0 ? ['', ...table(checks.map((check) => checkRow(check, paint)))] : []),
    ...failed.flatMap((check) => ['', ...failureLines(check, change, paint)]),
    ...warningLines(checks),
    ...(change.reproduce ? ['', `reproduce: ${change.reproduce}`] : []),
  ];
}

function checkRow(check: CheckResult, paint: Paint): string[] {
  const how = words[check.outcome];
  return [
    `  ${safeLine(check.name)}`,
    check.outcome === 'passed' ? paint.green(how) : check.outcome === 'failed' ? paint.red(how) : paint.yellow(how),
    check.outcome === 'skipped' ? '-' : `${(check.durationMs / 1000).toFixed(1)}s`,
    [safeLine(check.summary).slice(0, 100), ...figures(check.metrics)].filter((part) => part !== '').join('  '),
  ];
}

/** `testsRun 24`, `coverageLines 93.4 %`: shares are those that have a fraction, or are named so. */
export function figures(metrics: Readonly<Record<string, number>>): string[] {
  const shares = ['coverageLines', 'docstrings'];
  return Object.entries(metrics).map(([name, value]) =>
    shares.includes(name)
      ? `${name} ${(value * 100).toFixed(1)} %`
      : `${safeLine(name)} ${Math.round(value * 100) / 100}`,
  );
}

function failureLines(check: CheckResult, change: ChangeDetailView, paint: Paint): string[] {
  const shown = check.findings.slice(0, shownFindings);
  const hidden = check.findingCount - shown.length;
  return [
    paint.bold(safeLine(check.name)),
    ...shown.flatMap(({ file, line, rule, message }) => [
      `  ${file === null ? '' : `${safeLine(file)}${line === null ? '' : `:${line}`} `}${safeLine(rule)}: ${safeLine(message)}`,
      ...sourceLines(change, file, line, paint),
    ]),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...(shown.length === 0 ? check.outputTail.map((one) => `  | ${safeLine(one)}`) : []),
  ];
}

function sourceLines(change: ChangeDetailView, file: string | null, line: number | null, paint: Paint): string[] {
  const found = change.excerpts?.find((one) => one.file === file && one.line === line);
  if (found === undefined) return [];
  const width = String(found.from + found.lines.length - 1).length;
  return found.lines.map((text, at) => {
    const number = found.from + at;
    const shown = `${String(number).padStart(width)} | ${safeLine(text.replaceAll('\u001b', '?'))}`.trimEnd();
    return number === line ? paint.bold(`    > ${shown}`) : `      ${shown}`;
  });
}

function warningLines(checks: readonly CheckResult[]): string[] {
  const lines = checks.flatMap(({ name, warnings }) =>
    warnings.slice(0, 10).map((one) => `  ${safeLine(name)}: ${safeLine(one)}`),
  );
  return lines.length === 0 ? [] : ['', 'warnings', ...lines];
}
