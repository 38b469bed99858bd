// Every sentence of the gate that a pusher sees, one line per event. Text from the app's tools is untrusted: control
// characters are replaced and the length is bounded, so a finding can neither forge a line nor drive a terminal.
import { type CheckResult, checkKinds, type Finding, reproduceCommand, type Verdict } from '../domain/gate.ts';

const shownFindings = 20;

/** Where a tree, a copy, a layer or the making of one lies on the server: noise before the path that the pusher knows. */
const places =
  /(?:\/[^\s/"'`]+)+\/(?:apps\/app_[0-9A-Z]{26}\/(?:trees\/[0-9a-f]{40,64}|gate\/copies\/[^\s/"'`]+|layers\/[0-9a-f]{64})|agent\/layers\/app_[0-9A-Z]{26}-[0-9a-f]+(?:\/inputs)?)\//g;

/** One line of untrusted text as a pusher may see it: no control characters, no places on the server, at most `limit` long. */
export function safe(text: string, limit = 300): string {
  const clean = text.replace(places, '').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return clean.length > limit ? `${clean.slice(0, limit - 3)}...` : clean;
}

/** `tests/test_a.py:5 test_bad: assert 2 == 3` */
export function findingLine(finding: Finding): string {
  const place = finding.file === null ? '' : `${safe(finding.file)}${finding.line === null ? '' : `:${finding.line}`} `;
  return `${place}${safe(finding.rule, 120)}: ${safe(finding.message)}`;
}

/** The lines of one finished check: the first says how it ended, the others are findings and warnings. */
export function checkLines(result: CheckResult): string[] {
  const name = safe(result.name, 60);
  const seconds = `${(result.durationMs / 1000).toFixed(1)}s${result.ranIn ? ' in the image' : ''}`;
  const warnings = result.warnings.map((warning) => `${name} warning: ${safe(warning)}`);
  if (result.outcome === 'passed') {
    const what = result.summary === '' ? '' : `: ${safe(result.summary)}`;
    return [`${name} ok ${seconds}${what}`, ...warnings];
  }
  if (result.outcome === 'skipped') return [`${name} skipped: ${safe(result.summary)}`];
  if (result.outcome === 'infra') return [`${name} could not run: ${safe(result.summary)}`];
  const [first, ...others] = result.findings.slice(0, shownFindings);
  if (!first)
    return [
      `${name} FAILED ${seconds}: ${safe(result.summary)}`,
      ...result.outputTail.slice(-20).map((line) => `  ${safe(line)}`),
      ...warnings,
    ];
  const hidden = result.findingCount - 1 - others.length;
  return [
    `${name} FAILED ${seconds}: ${findingLine(first)}`,
    ...others.map((finding) => `  ${findingLine(finding)}`),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...warnings,
  ];
}

const outcomeWords: Readonly<Record<CheckResult['outcome'], string>> = {
  passed: 'ok',
  failed: 'FAILED',
  infra: 'could not run',
  skipped: 'skipped',
};
/** Of a repository of many parts. */
const shownRows = 30;

/**
 * All checks of a gate at a glance, in the order of their kinds: name, how it ended, how long it took, and of what did not just
 * pass, why. Empty for a single check, which has just been said.
 */
export function summaryLines(results: readonly CheckResult[]): string[] {
  if (results.length < 2) return [];
  const inOrder = [...results].sort((a, b) => checkKinds.indexOf(a.kind) - checkKinds.indexOf(b.kind));
  const rows = inOrder.slice(0, shownRows).map((one) => {
    const took = one.outcome === 'skipped' ? '-' : `${(one.durationMs / 1000).toFixed(1)}s`;
    return [safe(one.name, 40), outcomeWords[one.outcome], took, rowNote(one)] as const;
  });
  const [first, second, third] = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]!.length))) as [
    number,
    number,
    number,
  ];
  return [
    'checks:',
    ...rows.map(([name, how, took, note]) =>
      `  ${name.padEnd(first)}  ${how.padEnd(second)}  ${took.padStart(third)}  ${note}`.trimEnd(),
    ),
    ...(inOrder.length > shownRows ? [`  and ${inOrder.length - shownRows} more`] : []),
  ];
}

function rowNote({ outcome, summary, findingCount, flaky = [] }: CheckResult): string {
  const parts = [
    outcome === 'passed' ? '' : safe(summary, 80),
    outcome === 'failed' && findingCount > 0 && !summary.includes(String(findingCount))
      ? `${findingCount} findings`
      : '',
    flaky.length > 0 ? `${flaky.length} flaky` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** @param main what main and live are at, null when nothing is live yet */
export function rejectedLine(verdict: Verdict, main: string | null): string {
  const failed = verdict.checks.find((check) => check.outcome === 'failed');
  const name = safe(failed?.name ?? 'the gate', 60);
  const unchanged = main === null ? 'nothing is live yet' : `main and live unchanged at ${safe(main.slice(0, 7))}`;
  const command = failed && reproduceCommand(failed);
  return `REJECTED by ${name}; ${unchanged}; ${command ? `reproduce: ${command}` : 'mend it, commit and push again'}`;
}

/** No verdict: the platform's fault, never the change's. */
export function infraLine(results: readonly CheckResult[]): string {
  const broken =
    results.find(({ outcome }) => outcome === 'infra') ?? results.find(({ outcome }) => outcome === 'skipped');
  return `no verdict: ${safe(broken?.name ?? 'a check', 60)} could not run (${safe(broken?.summary ?? 'unknown')}); push again`;
}

export function memoisedLine(tree: string): string {
  return `checks ok: this tree was checked before (${safe(tree.slice(0, 7))})`;
}

export function candidateLine(candidate: string, base: string | null): string {
  return base === null
    ? `candidate ${safe(candidate.slice(0, 7))}, the first push`
    : `candidate ${safe(candidate.slice(0, 7))} on main ${safe(base.slice(0, 7))}`;
}
