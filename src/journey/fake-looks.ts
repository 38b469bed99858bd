// What the fake agent finds when it looks afresh: all as its newest document says, and every instance healthy where it is said to be.
import type { DesiredSet, DesiredState } from '../domain/desired.ts';
import type { AppId, InstanceId, TreeId } from '../domain/ids.ts';
import type { ObservedInstance } from '../domain/observed.ts';
import type { Route } from '../domain/route.ts';
import type { AgentSurvey, AppEvidence, ReleaseHash } from '../domain/survey.ts';

export const emptyHash = (treeId: TreeId): ReleaseHash => ({
  ...{ treeId, files: 0, bytes: 0 },
  ...{ volumes: {}, loose: [], isCached: false, listing: null },
});

/** @param end what becomes of it; null: it stays `starting` */
export function instanceOf(appId: AppId, set: DesiredSet, end: Partial<ObservedInstance> | null): ObservedInstance {
  return {
    ...{ id: `ins_${set.id.slice(4)}` as InstanceId, setId: set.id, appId, releaseId: set.releaseId, type: 'web' },
    ...{ state: 'starting', pid: 1, startTicks: 1, port: 1, restarts: 0, startedAtMs: 0, healthyAtMs: null },
    ...{ healthStatus: null, reason: null, logTail: [], notes: [] },
    ...end,
  };
}

/** @param treeId of the release to look at; null: none */
export function evidenceOf(
  document: DesiredState | undefined,
  instances: readonly ObservedInstance[],
  appId: AppId,
  treeId: TreeId | null,
): AppEvidence {
  const found = document?.apps.find(({ id }) => id === appId);
  const set = found?.sets.find(({ id }) => id === found.routed);
  const upstreams = instances
    .filter(({ setId }) => setId === set?.id)
    .map(({ id, port }) => ({ instanceId: id, host: '127.0.0.1', port: port ?? 0 }));
  const route: Route | null = found
    ? {
        ...{ appId, teamId: found.teamId, name: found.name, hosts: found.hosts, concurrency: 1, upstreams },
        ...{ state: set ? 'serving' : 'empty', setId: set?.id ?? null, releaseLabel: set?.releaseLabel ?? null },
      }
    : null;
  return {
    desiredVersion: document?.version ?? 0,
    routed: found?.routed ?? null,
    processes: instances.map(({ id, setId, appId, type, state, pid, port }) => ({
      ...{ instanceId: id, setId, appId, type, state, pid, port },
      ...{ isAlive: true, uids: [], isFolderGone: false, stranger: null, listens: true },
    })),
    router: { generation: 1, pid: 1, routes: Object.fromEntries((found?.hosts ?? []).map((host) => [host, route!])) },
    release: treeId && emptyHash(treeId),
    releaseProblem: null,
  };
}

/** @param looks at each app of the document */
export function surveyOf(document: DesiredState | undefined, looks: readonly AppEvidence[]): AgentSurvey {
  const { version = 0, apps = [] } = document ?? {};
  const routes = Object.assign({}, ...looks.map(({ router }) => router?.routes));
  return {
    desiredVersion: version,
    routed: Object.fromEntries(apps.map(({ id, routed }) => [id, routed])),
    processes: looks.flatMap(({ processes }) => processes),
    router: { generation: 1, pid: 1, routes },
    ...{ apps: [], leftOvers: [], checking: [], strays: [], tools: [], hasIdentities: false },
    alarms: [],
    disk: { freeBytes: 2 ** 40, totalBytes: 2 ** 41 },
  };
}
