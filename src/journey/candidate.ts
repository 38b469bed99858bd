// A release that is being proved: its row in the store, its instances in the desired state, and their end when the change
// is refused. Nothing of it is left behind then (invariant I6).
import { withImage } from '../build/build.ts';
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { CheckResult } from '../domain/gate.ts';
import type { CommitId, InstanceSetId, ReleaseId } from '../domain/ids.ts';
import type { Artifact, ImageArtifact } from '../domain/release.ts';
import { makeRedactor } from '../lib/redact.ts';
import { judgeBoot, waitForSet } from '../release/boot.ts';
import type { Runnable } from '../release/compose.ts';
import { configOf, currentConfig } from '../store/app-config.ts';
import { inTransaction } from '../store/open.ts';
import { insertRelease, keepArtifact, type NewRelease, nextVersion } from '../store/releases.ts';
import { appendEvent, transition } from '../store/transition.ts';
import { insistLater } from './insist.ts';
import { failedCheck } from './results.ts';
import { eventOf, newId, nowMs, type World } from './world.ts';

export type Candidate = {
  app: App;
  release: NewRelease;
  runnable: Runnable;
  /** It is in the store and in the desired state. */
  isStarted: boolean;
};

export type CandidateFacts = {
  app: App;
  cause: NewRelease['cause'];
  commit: CommitId;
  configVersion: number;
  changeId: Change['id'] | null;
  actor: string;
  description: string;
  /** What is served with it; of a change it is known once its checks have passed. */
  docs: NewRelease['docs'];
};

/** A candidate of a change. */
export function openCandidate(
  world: World,
  request: { app: App; change: Change; configVersion: number | null; description: string },
  artifact: Artifact,
): Candidate {
  const { app, change } = request;
  return makeCandidate(world, artifact, {
    app,
    cause: change.how === 'rollback' ? 'rollback' : 'deploy',
    commit: change.candidate ?? change.head,
    configVersion: request.configVersion ?? currentConfig(world.database, app.id).version,
    changeId: change.id,
    actor: change.actor,
    description: request.description,
    docs: [],
  });
}

export function makeCandidate(world: World, artifact: Artifact, facts: CandidateFacts): Candidate {
  const { app } = facts;
  const release: NewRelease = {
    id: newId('rel') as ReleaseId,
    teamId: app.teamId,
    appId: app.id,
    cause: facts.cause,
    commit: facts.commit,
    treeId: artifact.treeId,
    artifactDigest: artifact.digest,
    configVersion: facts.configVersion,
    setId: newId('set') as InstanceSetId,
    changeId: facts.changeId,
    actor: facts.actor,
    description: facts.description,
    docs: facts.docs,
    createdAtMs: Math.round(nowMs()),
  };
  const label = `v${nextVersion(world.database, app.id)}`;
  const config = configOf(world.database, app.id, facts.configVersion).entries;
  return { app, release, runnable: { release, label, artifact, config }, isStarted: false };
}

/** What was built is what will run: its digest names the image from here on. To be said before it starts. */
export function becomeImage(candidate: Candidate, image: ImageArtifact): void {
  const artifact = withImage(candidate.runnable.artifact, image);
  candidate.release = { ...candidate.release, artifactDigest: artifact.digest };
  candidate.runnable = { ...candidate.runnable, release: candidate.release, artifact };
}

/** Writes the candidate down and lets its instances start. */
export async function startCandidate(world: World, candidate: Candidate): Promise<void> {
  if (candidate.isStarted) return;
  const { app, release, runnable } = candidate;
  candidate.isStarted = true;
  inTransaction(world.database, () => {
    keepArtifact(world.database, { teamId: app.teamId, appId: app.id }, runnable.artifact, release.createdAtMs);
    insertRelease(world.database, release);
    appendEvent(
      world.database,
      eventOf({ ...release, releaseId: release.id }, 'release.starting', {
        commit: release.commit,
        cause: release.cause,
      }),
    );
  });
  await world.desired.startCandidate(app, runnable);
}

/** Starts the candidate and waits for its health. The result is the boot check. */
export async function bootRelease(world: World, candidate: Candidate, signal: AbortSignal): Promise<CheckResult> {
  const startedAtMs = nowMs();
  try {
    if (signal.aborted) throw signal.reason;
    await startCandidate(world, candidate);
    const web = candidate.runnable.artifact.plan.processes.web ? 1 : 0;
    const end = await waitForSet(world.observations, candidate.release.setId, web, signal);
    return maskConfig(judgeBoot(end, startedAtMs, nowMs()), candidate);
  } catch (error) {
    const result = failedCheck('boot', error, startedAtMs);
    return signal.aborted ? { ...result, outcome: 'skipped', summary: 'cancelled' } : result;
  }
}

/** The log lines of a start may show config values, and who pushes need not be allowed to read them. */
function maskConfig(result: CheckResult, candidate: Candidate): CheckResult {
  const masked = makeRedactor(Object.values(candidate.runnable.config));
  return { ...result, warnings: result.warnings.map(masked), outputTail: result.outputTail.map(masked) };
}

/** Ends a candidate that will not go live: its instances, its route, its state in the store. */
export async function dropCandidate(world: World, candidate: Candidate, reason: string): Promise<void> {
  if (!candidate.isStarted) return;
  const { app, release } = candidate;
  await dropSet(world, app, release.setId);
  insistLater(world, `the end of ${release.id}`, () => {
    transition(world.database, {
      table: 'releases',
      id: release.id,
      from: 'starting',
      to: 'failed',
      set: { reason },
      event: eventOf({ ...release, releaseId: release.id }, 'release.failed', { reason }),
    });
    world.announce();
  });
}

/** Ends the instances of a set that will not go live: now, or as soon as the agent can be told. */
export async function dropSet(world: World, app: App, setId: InstanceSetId): Promise<void> {
  await world.desired.dropCandidate(app, setId).catch((error: Error) => {
    world.log({ level: 'warn', message: `a refused candidate waits for its end: ${error.message}` });
    void world.desired.publishUntilDone(null, world.signal).catch(() => {});
  });
}
