// What an app's own Dockerfile says that the gate has a word on, with its places. A step that fetches the app's own repository makes an image of
// whatever that has at the moment: it is told, and lands, unless the app's rules say otherwise.
import { type CheckResult, type Finding, findingLimit } from '../../domain/gate.ts';
import type { GateRules } from '../../domain/gate-rules.ts';
import { findingLine } from '../messages.ts';

/** The check `Dockerfile`; null: there is nothing to say. No custom check can have its name. */
export function dockerfileResult(
  findings: readonly Finding[],
  { dockerfile }: Pick<GateRules, 'dockerfile'>,
  nowMs: number,
): CheckResult | null {
  if (findings.length === 0) return null;
  const isAllowed = dockerfile.clonesItself === 'allow';
  return {
    ...{ kind: 'build', name: 'Dockerfile', outcome: isAllowed ? 'passed' : 'failed' },
    summary: `${findings.length} ${findings.length === 1 ? 'step fetches' : 'steps fetch'} the app’s own repository`,
    ...{ findings: findings.slice(0, findingLimit), findingCount: findings.length, metrics: {} },
    warnings: isAllowed ? findings.slice(0, findingLimit).map(findingLine) : [],
    ...{ outputTail: [], startedAtMs: nowMs, durationMs: 0 },
  };
}
