// Results of the checks that are no jobs: build, boot and the release command.
import { diskFailure } from '../domain/disk-failure.ts';
import { isFailure, type LockstepError } from '../domain/errors.ts';
import type { CheckKind, CheckResult } from '../domain/gate.ts';
import { nowMs } from './world.ts';

export function resultOf(kind: CheckKind, startedAtMs: number, more: Partial<CheckResult>): CheckResult {
  return {
    kind,
    name: kind,
    outcome: 'passed',
    summary: '',
    findings: [],
    findingCount: 0,
    metrics: {},
    warnings: [],
    outputTail: [],
    startedAtMs,
    durationMs: nowMs() - startedAtMs,
    ...more,
  };
}

export function passedCheck(kind: CheckKind, startedAtMs: number, summary: string): CheckResult {
  return resultOf(kind, startedAtMs, { summary });
}

export function skippedCheck(kind: CheckKind, startedAtMs: number): CheckResult {
  return resultOf(kind, startedAtMs, { outcome: 'skipped', summary: 'cancelled' });
}

/** The change's own fault fails the check; ours is an infrastructure failure. */
export function failedCheck(kind: CheckKind, error: unknown, startedAtMs: number): CheckResult {
  const isTheirs = isFailure(
    error,
    'bad-config',
    'no-detector',
    'no-interpreter',
    'no-engine',
    'install-failed',
    'tree-refused',
    'too-large',
    'bad-env',
  );
  const disk = diskFailure(error);
  const { message, advice, details } = (disk ?? error) as LockstepError;
  const tail = Array.isArray(details?.outputTail) ? details.outputTail.map(String) : [];
  return resultOf(kind, startedAtMs, {
    outcome: isTheirs ? 'failed' : 'infra',
    summary: `${disk ? `${disk.code}: ` : ''}${advice ? `${message}. ${advice}` : String(message)}`,
    outputTail: isTheirs ? tail : [],
  });
}
