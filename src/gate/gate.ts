// Runs the checks of one candidate and folds them. Style and the slow checks start together; when style is red the rest is
// cancelled, but style itself always finishes, so all its findings are shown in one go. A check whose machinery failed is
// tried again, and never counted for or against the change.
import { isFailure } from '../domain/errors.ts';
import { type CheckResult, fold, type Part, type Verdict } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import { countByFile } from '../domain/quality.ts';
import { type Check, type CheckPlan, type GateFacts, toResult, withKept } from './check.ts';
import { checksFor } from './checks/list.ts';
import { deadlineOf, gateLimitMs } from './deadline.ts';
import { factsOf, fromPart, inPart, nameIn, partsOf } from './part.ts';
import { applyPolicy, type PolicyFacts } from './policy/policy.ts';
import { isWorthRerun, withRerun } from './rerun.ts';

export type RunJob = (plan: CheckPlan, check: Pick<Check, 'kind' | 'name'>, signal: AbortSignal) => Promise<JobResult>;

export type GateRequest = {
  facts: GateFacts;
  policy: Omit<PolicyFacts, 'changed'>;
  runJob: RunJob;
  /** Build and boot, which are no jobs of the gate; they are cancelled and folded with the others. */
  others: readonly ((signal: AbortSignal) => Promise<CheckResult>)[];
  /** Told of each check as it ends. */
  onResult: (result: CheckResult) => void;
  signal: AbortSignal;
  /** Milliseconds since the epoch. */
  now: () => number;
  checks?: readonly Check[];
  /** How often a check is tried again after an infrastructure failure. */
  retries?: number;
  /** Of the whole gate. */
  limitMs?: number;
  /** How long earlier runs of the check of this name took that ended by themselves, newest first, in milliseconds. Left out: none. */
  earlier?: (name: string) => readonly number[];
};

/** `verdict` is null when the machinery failed or the gate was cancelled: neither passed nor failed. */
export type GateEnd = { verdict: Verdict | null; results: CheckResult[] };

export async function runGate(request: GateRequest): Promise<GateEnd> {
  const rest = new AbortController();
  const slow = AbortSignal.any([request.signal, rest.signal]);
  const say = (result: CheckResult) => {
    if (result.outcome === 'failed' && result.kind === 'style') rest.abort();
    request.onResult(result);
    return result;
  };
  const policy = { ...request.policy, changed: request.facts.changed };
  const limitMs = request.limitMs ?? gateLimitMs;
  // A little before the gate's own end, so that it is the check that says that it was too slow, for how long, and what it said last.
  const endsAtMs = request.now() + limitMs - Math.min(2000, limitMs / 10);
  const planned = questionsOf(request.facts, request.checks).map(async (question) => {
    const signal = question.check.kind === 'style' ? request.signal : slow;
    const timed = { ...request, runJob: withDeadline(request, endsAtMs) };
    const results = await runCheck(question, timed, signal);
    const [own, ...more] = results.map((result) => applyPolicy(counted(result), policy));
    if (own?.outcome !== 'failed' || !isWorthRerun(results[0]!))
      return results.map((result) => say(applyPolicy(counted(result), policy)));
    const again = await runAgain(question, results[0]!, timed, signal);
    return [applyPolicy(counted(again), policy), ...more].map(say);
  });
  const others = request.others.map(async (other) => [say(await other(slow))]);
  const results = (await Promise.all([...planned, ...others])).flat();
  return { verdict: request.signal.aborted ? null : judged(results), results };
}

/** A check that was left out and nothing that failed: somebody else ended it, and silence is no pass. */
function judged(results: CheckResult[]): Verdict | null {
  const verdict = fold(results);
  return verdict?.outcome === 'passed' && results.some((one) => one.outcome === 'skipped') ? null : verdict;
}

/** The plan's own limit, what the check usually takes, and what is left of the gate's time: the least counts. */
function withDeadline({ runJob, earlier, now }: GateRequest, endsAtMs: number): RunJob {
  return (plan, check, signal) => {
    const usualMs = deadlineOf(earlier?.(check.name) ?? [], endsAtMs - now());
    return runJob({ ...plan, deadlineMs: Math.min(plan.deadlineMs, usualMs) }, check, signal);
  };
}

/** Style is asked of the files that changed: what the others had is remembered, and this is added to it. */
function counted(result: CheckResult): CheckResult {
  const byFile = result.kind === 'style' ? countByFile(result.findings) : null;
  return byFile === null ? result : { ...result, byFile };
}

type Question = { check: Check; part: Part; facts: GateFacts };

/** Each check of each part that it applies to. */
export function questionsOf(facts: GateFacts, among?: readonly Check[]): Question[] {
  const parts = partsOf(facts.paths);
  return parts.flatMap((part) => {
    const seen = factsOf(facts, part, parts);
    const asked = checksFor(seen, part.language, among);
    return asked.map((check) => ({ check, part, facts: seen }));
  });
}

async function runCheck(question: Question, request: GateRequest, signal: AbortSignal): Promise<CheckResult[]> {
  const { check, part, facts } = question;
  const named = { kind: check.kind, name: nameIn(check.name, part) };
  const plan = check.plan(facts);
  if (plan === null) return [without(named, request.now(), 'passed', 'nothing to look at')];
  const placed = { ...plan, part, folder: `${part.root}${plan.folder ?? ''}` };
  for (let left = request.retries ?? 2; ; left -= 1) {
    if (signal.aborted) return [without(named, request.now(), 'skipped', 'cancelled')];
    const answers = await attempt(question, placed, request, signal);
    const results = answers.map((result) => ({
      ...result,
      name: nameIn(result.name, part),
      findings: result.findings.map((finding) => fromPart(finding, part)),
    }));
    if (signal.aborted && results[0]?.outcome !== 'passed')
      return results.slice(0, 1).map((result) => ({ ...result, outcome: 'skipped', summary: 'cancelled' }));
    if (results[0]?.outcome !== 'infra' || left <= 0) return results;
  }
}

/** What failed, once more; whatever goes wrong here leaves the first run's word. */
async function runAgain(
  { check, part, facts }: Question,
  first: CheckResult,
  request: GateRequest,
  signal: AbortSignal,
): Promise<CheckResult> {
  const asked = { ...first, findings: first.findings.map((finding) => inPart(finding, part)) };
  const plan = check.rerun?.(facts, asked) ?? null;
  if (plan === null || signal.aborted) return first;
  const [second] = await runCheck({ check: { ...check, plan: () => plan }, part, facts }, request, signal);
  return second === undefined ? first : withRerun(first, second);
}

async function attempt(
  { check, part, facts }: Question,
  plan: CheckPlan,
  request: GateRequest,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  let job: JobResult;
  try {
    job = await request.runJob(plan, { kind: check.kind, name: nameIn(check.name, part) }, signal);
  } catch (error) {
    if (isFailure(error, 'cancelled')) return [without(check, request.now(), 'skipped', error.message)];
    const message = error instanceof Error ? error.message : String(error);
    if (plan.isUnasked)
      return [
        {
          ...without(check, request.now(), 'passed', 'left out'),
          warnings: [`left out: ${message}${lastSaid(error)}`],
        },
      ];
    // The app's own test requirements, which nothing but the tests needs.
    const outcome = isFailure(error, 'install-failed') ? 'failed' : 'infra';
    return [without(check, request.now(), outcome, message)];
  }
  const judged = check.judge(facts, job);
  return withKept('kind' in judged ? [judged] : judged, job);
}

/** What the tool that could not be had said last. */
function lastSaid(error: unknown): string {
  const said = isFailure(error) ? error.details.said : undefined;
  const last = Array.isArray(said) ? said.at(-1) : undefined;
  return last === undefined ? '' : ` (${String(last).slice(0, 500)})`;
}

function without(
  check: Pick<Check, 'kind' | 'name'>,
  nowMs: number,
  outcome: CheckResult['outcome'],
  summary: string,
): CheckResult {
  return toResult(check, { outputTail: [], startedAtMs: nowMs, durationMs: 0 } as unknown as JobResult, {
    outcome,
    summary,
  });
}
