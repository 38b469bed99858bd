// The release command (migrations): once, with the new code, the app's config, its volumes and its live identity, before any
// instance of the new code starts. Its failure rejects the change.
import type { CheckResult } from '../domain/gate.ts';
import type { JobSpec } from '../domain/job.ts';
import { makeRedactor } from '../lib/redact.ts';
import { releaseEnv } from '../release/compose.ts';
import type { Candidate } from './candidate.ts';
import { failedCheck, resultOf } from './results.ts';
import { newId, nowMs, refOf, type World } from './world.ts';

const deadlineMs = 10 * 60_000;

/** A job with everything that an instance of the release has. */
export function liveJob(
  candidate: Pick<Candidate, 'app' | 'runnable'>,
  kind: 'release' | 'run',
  command: JobSpec['command'],
  limitMs: number,
): JobSpec {
  const { app, runnable } = candidate;
  const { artifact } = runnable;
  return {
    ...refOf(app),
    id: newId('job'),
    appId: app.id,
    kind,
    identity: 'live',
    place: artifact.image
      ? { image: artifact.image.id, isGenerated: artifact.image.isGenerated }
      : { treeId: artifact.treeId, builtKey: artifact.builtKey ?? null },
    layerKey: artifact.layerKey,
    tools: [],
    command,
    env: releaseEnv(app, runnable),
    files: {},
    reports: [],
    volumes: artifact.plan.volumes,
    deadlineMs: limitMs,
    outputBytes: 4 * 1024 * 1024,
    limits: artifact.plan.limits,
  };
}

export async function runReleaseCommand(
  world: World,
  candidate: Candidate,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<CheckResult> {
  const startedAtMs = nowMs();
  // Who pushes need not be allowed to read the config.
  const masked = makeRedactor(Object.values(candidate.runnable.config));
  const command = candidate.runnable.artifact.plan.releaseCommand!;
  say(`release: ${'shell' in command ? command.shell : command.argv.join(' ')}`);
  try {
    const job = await world.agent.runJob(liveJob(candidate, 'release', command, deadlineMs), {
      signal,
      onLine: (line) => say(`  ${masked(line)}`),
    });
    if (job.endedBy === 'lost')
      return resultOf('release', startedAtMs, { outcome: 'infra', summary: 'the machine lost the job' });
    if (job.exitCode === 0) return resultOf('release', startedAtMs, { summary: 'ended well' });
    const how =
      job.endedBy === 'deadline'
        ? `took longer than ${deadlineMs / 60_000} minutes; it may wait for a lock that the running release holds, or for input`
        : job.endedBy === 'out-of-memory'
          ? 'ran out of memory'
          : job.endedBy === 'disk-limit'
            ? "wrote more than the app's disk limit"
            : `ended with ${job.signal ?? `exit ${job.exitCode}`}`;
    return resultOf('release', startedAtMs, {
      outcome: 'failed',
      summary: `the release command ${how}`,
      outputTail: job.outputTail.map(masked),
    });
  } catch (error) {
    return failedCheck('release', error, startedAtMs);
  }
}
