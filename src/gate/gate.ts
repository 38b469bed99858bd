// Runs the checks of one candidate and folds them. Style and the slow checks start together; when style is red the rest is
// cancelled, but style itself always finishes, so all its findings are shown in one go. A check whose machinery failed is
// tried again, and never counted for or against the change.
import type { JobResult } from '../domain/desired.ts';
import { isFailure } from '../domain/errors.ts';
import { type CheckResult, fold, type Verdict } from '../domain/gate.ts';
import { type Check, type CheckPlan, type GateFacts, toResult } from './check.ts';
import { checksFor } from './checks/list.ts';
import { applyPolicy, type PolicyFacts } from './policy.ts';

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
  const planned = (request.checks ?? checksFor(request.facts)).map(async (check) => {
    const signal = check.kind === 'style' ? request.signal : slow;
    return say(applyPolicy(await runCheck(check, request, signal), policy));
  });
  const others = request.others.map(async (other) => say(await other(slow)));
  const results = await Promise.all([...planned, ...others]);
  return { verdict: request.signal.aborted ? null : judged(results), results };
}

/** A check that was left out and nothing that failed: somebody else ended it, and silence is no pass. */
function judged(results: CheckResult[]): Verdict | null {
  const verdict = fold(results);
  return verdict?.outcome === 'passed' && results.some((one) => one.outcome === 'skipped') ? null : verdict;
}

async function runCheck(check: Check, request: GateRequest, signal: AbortSignal): Promise<CheckResult> {
  const plan = check.plan(request.facts);
  if (plan === null) return without(check, request.now(), 'passed', 'nothing to look at');
  for (let left = request.retries ?? 2; ; left -= 1) {
    if (signal.aborted) return without(check, request.now(), 'skipped', 'cancelled');
    const result = await attempt(check, plan, request, signal);
    if (signal.aborted && result.outcome !== 'passed') return { ...result, outcome: 'skipped', summary: 'cancelled' };
    if (result.outcome !== 'infra' || left <= 0) return result;
  }
}

async function attempt(check: Check, plan: CheckPlan, request: GateRequest, signal: AbortSignal): Promise<CheckResult> {
  let job: JobResult;
  try {
    job = await request.runJob(plan, { kind: check.kind, name: check.name }, signal);
  } catch (error) {
    if (isFailure(error, 'cancelled')) return without(check, request.now(), 'skipped', error.message);
    // The app's own test requirements, which nothing but the tests needs.
    const outcome = isFailure(error, 'install-failed') ? 'failed' : 'infra';
    return without(check, request.now(), outcome, error instanceof Error ? error.message : String(error));
  }
  return check.judge(request.facts, job);
}

function without(check: Check, nowMs: number, outcome: CheckResult['outcome'], summary: string): CheckResult {
  return toResult(check, { outputTail: [], startedAtMs: nowMs, durationMs: 0 } as unknown as JobResult, {
    outcome,
    summary,
  });
}
