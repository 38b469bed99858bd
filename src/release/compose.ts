// From a release to the piece of the desired state that runs it. Pure.
import type { App } from '../domain/app.ts';
import type { DesiredApp, DesiredSet } from '../domain/desired.ts';
import type { InstanceSetId } from '../domain/ids.ts';
import type { Artifact, Release } from '../domain/release.ts';

/** The most requests of one app in flight at once. */
export const appConcurrency = 250;

export type Runnable = {
  release: Pick<Release, 'id' | 'setId' | 'commit'>;
  /** "v12": its number, or the number it gets if it goes live. */
  label: string;
  artifact: Artifact;
  config: Readonly<Record<string, string>>;
};

/** The environment that every process of a release gets: the app's declarations, then its config, then ours. */
export function releaseEnv(app: Pick<App, 'name'>, runnable: Runnable): Record<string, string> {
  return {
    ...runnable.artifact.plan.env,
    ...runnable.config,
    GIT_REV: runnable.release.commit,
    LOCKSTEP_RELEASE: runnable.label,
    LOCKSTEP_APP: app.name,
  };
}

export function composeSet(
  app: Pick<App, 'name' | 'hosts' | 'wasEverHealthy'>,
  runnable: Runnable,
  stage: DesiredSet['stage'],
  /** The port in the app's address; null when it is the scheme's own. */
  publicPort: number | null,
): DesiredSet {
  const { artifact, release } = runnable;
  const env = releaseEnv(app, runnable);
  const host = app.hosts[0] ?? 'localhost';
  return {
    id: release.setId,
    releaseId: release.id,
    releaseLabel: runnable.label,
    stage,
    artifact: {
      digest: artifact.digest,
      treeId: artifact.treeId,
      layerKey: artifact.layerKey,
      ...(artifact.builtKey ? { builtKey: artifact.builtKey } : {}),
      ...(artifact.image ? { image: artifact.image } : {}),
    },
    processes: Object.entries(artifact.plan.processes).map(([type, process]) => ({
      type,
      count: 1,
      command: process.command,
      env: { ...env, ...process.env },
    })),
    health: {
      path: artifact.plan.health.path,
      timeoutMs: artifact.plan.health.timeoutMs,
      host: publicPort === null ? host : `${host}:${publicPort}`,
      acceptServerErrors: !app.wasEverHealthy,
    },
    limits: artifact.plan.limits,
    volumes: artifact.plan.volumes,
  };
}

export function composeApp(app: App, routed: InstanceSetId | null, sets: readonly DesiredSet[]): DesiredApp {
  return {
    id: app.id,
    teamId: app.teamId,
    name: app.name,
    hosts: app.hosts,
    liveUid: app.liveUid,
    gateUid: app.gateUid,
    gid: app.gid,
    routed,
    concurrency: appConcurrency,
    sets,
  };
}
