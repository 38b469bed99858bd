// What a check is. A check only describes a job and judges its result; it runs nothing itself.

import type { CheckKind, CheckOutcome, CheckResult, Finding, Language, Part } from '../domain/gate.ts';
import type { JobResult, JobSpec } from '../domain/job.ts';
import type { ChangedLines } from './changed-lines.ts';

export type GateFacts = {
  /** What of the repository these facts are about: paths are as seen from its folder. Left out: the whole. */
  part?: Part;
  /** Every file of the candidate's tree, `/`-separated. */
  paths: readonly string[];
  /** Files in the folders above the part's, from the top; left out: there is none above. */
  above?: readonly string[];
  /** Text of the configuration files among them (`configFiles`); absent ones are missing. */
  texts: ReadonlyMap<string, string>;
  /** Against main; null at an app's first push: everything is looked at. */
  changed: ChangedLines | null;
  /** Of the changed files those that main does not have; left out: not known. */
  added?: ReadonlySet<string>;
  /** `app.json` environments.test */
  testEnv: Readonly<Record<string, string>>;
  /** The folder that the static server serves (`.` the top); left out: a program serves. */
  site?: string;
  /** What `{layer}` of a check with the layer `gate` holds; left out: there is none, or it is not known. */
  gateLayer?: 'python' | 'node' | 'go';
};

/** The files whose text checks want to see, in whatever folder a project begins. A list a language. */
const configFiles: readonly RegExp[] = [
  /(?:^|\/)(?:pyproject\.toml|\.?ruff\.toml|setup\.(?:cfg|py)|tox\.ini|\.flake8|\.?pytest\.ini|[^/]*requirements[^/]*\.(?:txt|in)|requirements\/[^/]+\.(?:txt|in))$/,
  /(?:^|\/)(?:\.?mypy\.ini|pyrightconfig\.json|noxfile\.py|Pipfile|\.coveragerc|mkdocs\.ya?ml|conf\.py|Makefile)$/,
  /(?:^|\/)(?:package\.json|biome\.jsonc?|tsconfig[^/]*\.json|typedoc\.jsonc?|\.nvmrc|\.node-version)$/,
  /(?:^|\/)(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.[a-z]+)?|\.prettierrc(?:\.[a-z0-9]+)?|prettier\.config\.[cm]?[jt]s)$/,
  /(?:^|\/)(?:\.?oxlintrc\.json|vite(?:st)?\.config\.[cm]?[jt]s|jest\.config\.[a-z]+)$/,
  /(?:^|\/)(?:go\.mod|go\.work|\.golangci\.(?:ya?ml|toml|json)|\.htmlvalidate\.json|\.pre-commit-config\.yaml|app\.json)$/,
];

/** Of more files than these the text is not read, nor of what lies deeper. */
export const mostConfigFiles = 200;
const deepest = 4;

export const isConfigFile = (path: string): boolean =>
  path.split('/').length <= deepest &&
  !/(?:^|\/)node_modules\//.test(path) &&
  configFiles.some((one) => one.test(path));

/**
 * The pieces of a JobSpec that a check decides. `{python}` is the interpreter of the layer or, without one, the
 * platform's; `{tool:NAME}` the tool's command, file or folder; `{cache}` a folder of the app's checks that stays.
 */
export type CheckPlan = Pick<
  JobSpec,
  'command' | 'ahead' | 'env' | 'files' | 'late' | 'reports' | 'collect' | 'tools' | 'deadlineMs'
> & {
  /** Which dependency layer it runs with. */
  layer: 'none' | 'gate';
  /** Where it runs, from the part's folder; left out: there. */
  folder?: string;
  /** Nobody asked for it: that it cannot be run (its tool cannot be fetched) is a warning, and stands in no change's way. */
  isUnasked?: true;
  /** Whose layer `gate` is; the gate fills it in. */
  part?: Part;
  /** It waits for the candidate's own instance, and gets its address as $GATE_URL. */
  needsRelease?: true;
  /** `none`: it reaches no address but its own loopback, where the machine can hold it to that. */
  network?: 'none';
  /**
   * It runs in the app's image where there is one that holds its part; there it has the tests of the commit, or whatever of the commit the
   * image lacks. Left out: on the machine all the same.
   */
  inImage?: 'tests' | 'sources';
  /** And nowhere else. */
  isOnlyInImage?: true;
  /** But only when it says on the machine, by the report `lacks.txt`, that there it lacks something. */
  isServerFirst?: true;
  /**
   * Its folder `docs` is main's own when it is made from the same, which the job says (`reports/made-from.ts`) with what it is given as
   * `made-from.json`, which comes late (`JobSpec`). `leftOut`: paths from the part's folder, as patterns, of files that it makes nothing of, nor reads.
   */
  reused?: { leftOut: readonly string[] };
};

/** @see CheckPlan.isServerFirst */
export const lacksReport = 'lacks.txt';

export type Check = {
  kind: CheckKind;
  name: string;
  /** The parts of a repository that it asks about. */
  language: Language;
  applies(facts: GateFacts): boolean;
  /** null: there is nothing to look at, the check passes without a job. */
  plan(facts: GateFacts): CheckPlan | null;
  /**
   * With all findings; the policy sorts out and then cuts them to `findingLimit`. One run may answer more than one question
   * (tests and their coverage): the check's own result comes first.
   */
  judge(facts: GateFacts, result: JobResult): CheckResult | readonly CheckResult[];
  /** Runs again what failed, and nothing else; null: it cannot be told apart. Judged like the run itself. Left out: never. */
  rerun?(facts: GateFacts, result: CheckResult): CheckPlan | null;
};

export type Judgement = {
  outcome: CheckOutcome;
  summary: string;
  findings?: Finding[];
  findingCount?: number;
  metrics?: Record<string, number>;
  warnings?: string[];
};

export function toResult(check: Pick<Check, 'kind' | 'name'>, job: JobResult, judgement: Judgement): CheckResult {
  const findings = judgement.findings ?? [];
  return {
    kind: check.kind,
    name: check.name,
    outcome: judgement.outcome,
    summary: judgement.summary,
    findings,
    findingCount: judgement.findingCount ?? findings.length,
    metrics: judgement.metrics ?? {},
    warnings: judgement.warnings ?? [],
    outputTail: judgement.outcome === 'failed' && findings.length === 0 ? job.outputTail.slice(-20) : [],
    startedAtMs: job.startedAtMs,
    durationMs: job.durationMs,
    ...(job.ranIn === undefined ? {} : { ranIn: job.ranIn }),
  };
}

/** The check's own result with what its job left: what is kept, and what is to be said of the rest. */
export function withKept(results: readonly CheckResult[], job: JobResult): readonly CheckResult[] {
  const [own, ...others] = results;
  const folders = Object.entries(job.collected ?? {});
  if (own === undefined || folders.length === 0) return results;
  const warnings = folders.flatMap(([name, folder]) => [
    // Where there was nothing to document, no page is missing.
    ...(folder.problem !== null && own.outcome === 'passed' && own.metrics.docsPages !== 0
      ? [`its ${name} are not kept: ${folder.problem}`]
      : []),
    ...folder.warnings,
  ]);
  const kept = folders.flatMap(([name, { digest, files, bytes }]) =>
    digest === null ? [] : [[name, { digest, files, bytes }] as const],
  );
  const more = kept.length > 0 ? { kept: Object.fromEntries(kept) } : {};
  return [{ ...own, warnings: [...own.warnings, ...warnings], ...more }, ...others];
}

/** What a job's end says by itself, whatever it reported; null when its reports decide. */
export function judgeEnd(job: JobResult): Judgement | null {
  const seconds = (job.durationMs / 1000).toFixed(1);
  const last = job.outputTail.at(-1)?.trim();
  if (job.endedBy === 'lost') return { outcome: 'infra', summary: 'the machine lost the job' };
  if (job.endedBy === 'cancelled') return { outcome: 'skipped', summary: 'cancelled' };
  if (job.endedBy === 'deadline') {
    return { outcome: 'failed', summary: `timed out after ${seconds}s${last ? `; last output: ${last}` : ''}` };
  }
  if (job.endedBy === 'out-of-memory') return { outcome: 'failed', summary: `out of memory after ${seconds}s` };
  if (job.endedBy === 'disk-limit') {
    const summary = `disk limit reached after ${seconds}s: the checks may write as much as the app (limits.disk)`;
    return { outcome: 'failed', summary };
  }
  if (job.exitCode !== null && [125, 126, 127].includes(job.exitCode)) {
    return { outcome: 'infra', summary: `a tool could not be run (exit ${job.exitCode})` };
  }
  if (job.signal === 'SIGKILL' || job.exitCode === 137) return { outcome: 'infra', summary: 'killed from outside' };
  return null;
}

/**
 * What it said of the trouble, for a summary: its first line with an error, else its last; '' when it said nothing.
 * `text`: what it printed, where that is a report and not its output.
 */
export function saidOf(job: JobResult, text = ''): string {
  const lines = [...text.slice(0, 20_000).split('\n'), ...job.outputTail]
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const said = lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1);
  // Where the copy lay is nobody's business, and another place each time.
  const root = job.reports['root.txt']?.trim();
  const placed = root ? said?.replaceAll(`${root}/`, '') : said;
  return placed === undefined ? '' : `: ${placed.slice(0, 200)}`;
}

export function endedWithout(job: JobResult): string {
  return job.signal
    ? `ended by ${job.signal} without a report`
    : `ended with exit ${job.exitCode} and no usable report`;
}
