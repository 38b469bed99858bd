// The gate's words: a check asks one question of a candidate, its findings say where, the verdict is what they add up to.

import type { Digest, ImageId } from './ids.ts';

export type Language = 'python' | 'node' | 'go' | 'web' | 'any';

export type Part = {
  language: Language;
  /** '' or a folder with its last slash: `services/api/`. */
  root: string;
  /** A project of another language begins in the same folder, and has the plain names of the checks. */
  isBeside?: true;
};

/** The subset of a SARIF 2.1.0 `result` that every tool can fill: rule, message, and where. */
export type Finding = {
  /** Path in the tree, `/`-separated; null when the finding has no place (a command that failed). */
  file: string | null;
  /** 1-based; null when unknown. */
  line: number | null;
  rule: string;
  message: string;
};

/** What kind of question a check asks; the order is the order in which they are shown. */
export const checkKinds = [
  'policy',
  'style',
  'types',
  'tests',
  'coverage',
  'docstrings',
  'docs',
  'links',
  'build',
  'boot',
  'release',
  'custom',
] as const;
export type CheckKind = (typeof checkKinds)[number];

/**
 * How a check ended. `infra` is neither passed nor failed (a tool could not be fetched, the machine gave out): it is
 * retried and never counted. `skipped` says why it did not run.
 */
export type CheckOutcome = 'passed' | 'failed' | 'infra' | 'skipped';

export type CheckResult = {
  kind: CheckKind;
  /** `style`, `tests`, or a custom check's own name. */
  name: string;
  outcome: CheckOutcome;
  /** One line for people: "24 tests, 97 % coverage", "2 findings on changed lines", "no tests found". */
  summary: string;
  /** At most `findingLimit`; `findingCount` says how many there were. */
  findings: Finding[];
  findingCount: number;
  /** Figures that a ratchet can compare: testsRun, testsFailed, coverageLines (0..1), … */
  metrics: Record<string, number>;
  /** Of a check that looks at the whole program: what its findings are, before any was let through (`policy/identities.ts`). */
  identities?: Readonly<Record<string, number>>;
  /** Said to the pusher even when the check passes. */
  warnings: string[];
  /** The last lines of output, for a check that failed without findings. */
  outputTail: string[];
  /** Tests that failed and then, run again by themselves, passed: `tests/test_a.py::test_slow`. Left out: none. */
  flaky?: string[];
  startedAtMs: number;
  durationMs: number;
  /** It ran in a container of this image: the candidate's own, or one made from it. Left out: on the machine. */
  ranIn?: ImageId;
  /** Of a style check, before the policy: how many findings each of the files that were looked at has. */
  byFile?: Readonly<Record<string, number>>;
  /** Folders that the check left and that are kept, by name (`docs`: a site that is served); absent: none. */
  kept?: Readonly<Record<string, { digest: Digest; files: number; bytes: number }>>;
  /** What its pages are made from, as a digest: a later change that has the same has the same pages. Left out: nobody can say. */
  madeFrom?: string;
};

/** The command by which a developer sees the same on their own checkout; null: what failed needs the server. */
export function reproduceCommand(check: Pick<CheckResult, 'kind' | 'name'>): string | null {
  if (['policy', 'build', 'boot', 'release'].includes(check.kind)) return null;
  const name = check.name.replace(/ \([^()]*\)$/, '');
  return `lockstep gate --only ${/^[a-z][a-z0-9-]{0,30}$/.test(name) ? name : check.kind}`;
}

export const findingLimit = 200;

export type VerdictOutcome = 'passed' | 'rejected';

/** What the checks add up to, for one tree under one policy and toolchain. Kept, and reused for the same key. */
export type Verdict = {
  outcome: VerdictOutcome;
  checks: CheckResult[];
  /** Named by the first check that failed, for the one-line reason. */
  reason: string | null;
  /** The image that was checked and would serve; absent: the tree runs without one, or it came to none. */
  image?: ImageId;
};

/**
 * Folds check results into a verdict; the first failed check in the order of `checkKinds` gives the reason.
 * Any `infra` result yields null: no verdict, try again.
 */
export function fold(results: CheckResult[]): Verdict | null {
  if (results.some((result) => result.outcome === 'infra')) return null;
  const checks = [...results].sort((a, b) => checkKinds.indexOf(a.kind) - checkKinds.indexOf(b.kind));
  const failed = checks.find((result) => result.outcome === 'failed');
  return {
    outcome: failed ? 'rejected' : 'passed',
    checks,
    reason: failed ? `${failed.name}: ${failed.summary}` : null,
  };
}
