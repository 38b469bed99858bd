// The agent's fresh look at everything, put together: for `status` of one app, and for the doctor of all. Nothing here is
// remembered but the readings of releases (`hash-release.ts`), and nothing is changed.
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AppRef } from '../../domain/agent.ts';
import type { DesiredState } from '../../domain/desired.ts';
import type { EngineLook } from '../../domain/engine.ts';
import { isFailure } from '../../domain/errors.ts';
import { type AppId, parseId, type TreeId } from '../../domain/ids.ts';
import type { AgentSurvey, AppEvidence, DiskApp, LayerHash, ReleaseHash, RouterEvidence } from '../../domain/survey.ts';
import { type HomeFolders, openAppFolders } from '../folders.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { readLayerMarker } from '../layers/making.ts';
import { readSealed } from '../layers/seal-layer.ts';
import type { RouterPort } from '../supervise/routing.ts';
import type { ReleaseHashes } from './hash-release.ts';
import { appsOnDisk, findLeftOvers, type LeftOverParts, namesIn } from './left-overs.ts';
import { evidenceOf, type FoundContainer, type Looked, straysOf } from './processes.ts';

export type SurveyParts = LeftOverParts & {
  hashes: ReleaseHashes;
  router: Pick<RouterPort, 'routes' | 'hello'>;
  /** What was wrong with our own document at the start. */
  alarm(): string | null;
  /** Looks at the container engine. */
  engine(): Promise<EngineLook>;
  looked(appId: AppId | null): Looked[];
  checks: Pick<Jobs, 'checking' | 'endChecks'>;
};

export async function evidence(
  parts: SurveyParts,
  asked: { appId: AppId; treeId: TreeId | null; hosts: readonly string[] },
): Promise<AppEvidence> {
  const desired = parts.desired();
  const [processes, router, read] = await Promise.all([
    evidenceOf(parts.looked(asked.appId), () => containersOf(parts)),
    routesNow(parts, asked.hosts),
    asked.treeId === null ? { release: null, problem: null } : releaseOrWhyNot(parts, asked.appId, asked.treeId),
  ]);
  return {
    desiredVersion: desired?.version ?? 0,
    routed: desired?.apps.find((app) => app.id === asked.appId)?.routed ?? null,
    processes,
    router,
    release: read.release,
    releaseProblem: read.problem,
  };
}

export async function survey(parts: SurveyParts): Promise<AgentSurvey> {
  const { folders } = parts;
  const desired = parts.desired();
  // Before the left-overs: a check that ends between the two is told with them, and not by neither.
  const checking = parts.checks.checking();
  const disk = await statfs(folders.home);
  const [processes, router, leftOvers, apps, tools, engine, filter, routerAlarm] = await Promise.all([
    evidenceOf(parts.looked(null), () => containersOf(parts)),
    routesNow(parts, []),
    findLeftOvers(parts),
    diskApps(folders, desired),
    namesIn(folders.toolchains),
    parts.engine(),
    parts.containers.lookAtFilter().catch(() => null), // that the engine is away is told by itself
    parts.router.hello().then(
      ({ alarm }) => alarm ?? null,
      () => null, // that it is away is told by its routes
    ),
  ]);
  return {
    desiredVersion: desired?.version ?? 0,
    routed: Object.fromEntries((desired?.apps ?? []).map(({ id, routed }) => [id, routed])),
    processes,
    router,
    apps,
    leftOvers,
    checking,
    alarms: [parts.alarm(), routerAlarm].filter((alarm) => alarm !== null),
    strays: straysOf(folders.home, parts.instances()),
    tools: tools.sort(),
    engine,
    ...(filter ? { filter: { ...filter, cutOff: filter.cutOff.flatMap((id) => parseId('app', id) ?? []) } } : {}),
    disk: { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize },
    hasIdentities: process.getuid?.() === 0,
  };
}

/** null: no engine answers. */
async function containersOf({ containers }: SurveyParts): Promise<readonly FoundContainer[] | null> {
  return (await containers.found())?.containers ?? null;
}

/** A whole new reading. @throws not-found, too-large, timed-out */
export function hashRelease(
  { folders, hashes }: SurveyParts,
  appId: AppId,
  treeId: TreeId,
  options: { isFresh: boolean; withListing: boolean },
): Promise<ReleaseHash> {
  return hashes.read(folders.tree(appId, treeId), { volumes: join(folders.app(appId), 'volumes'), ...options });
}

export async function hashLayer({ folders }: SurveyParts, appId: AppId, key: string): Promise<LayerHash> {
  const layer = folders.layer(appId, key);
  const sealed = readLayerMarker(layer)?.digest ?? null;
  const isThere = (await namesIn(dirname(layer))).includes(key);
  if (!isThere) return { digest: null, sealed, files: 0 };
  return { ...(await readSealed(layer)), sealed };
}

async function releaseOrWhyNot(parts: SurveyParts, appId: AppId, treeId: TreeId) {
  try {
    const options = { isFresh: false, withListing: false };
    return { release: await hashRelease(parts, appId, treeId, options), problem: null };
  } catch (error) {
    if (isFailure(error, 'not-found')) return { release: null, problem: null };
    return { release: null, problem: (error as Error).message };
  }
}

function routesNow({ router }: SurveyParts, hosts: readonly string[]): Promise<RouterEvidence | null> {
  return router.routes(hosts).catch((error: unknown) => {
    if (isFailure(error, 'router-away', 'timed-out')) return null;
    throw error;
  });
}

async function diskApps(folders: HomeFolders, desired: DesiredState | null): Promise<DiskApp[]> {
  const logs = (await namesIn(join(folders.home, 'logs'))).flatMap((name) => parseId('app', name) ?? []);
  const ids = new Set([...(await appsOnDisk(folders)), ...logs]);
  const wanted = new Map<AppId, AppRef>((desired?.apps ?? []).map((app) => [app.id, app]));
  return Promise.all(
    [...ids].sort().map(async (id) => {
      const app = wanted.get(id);
      const volumes = await namesIn(join(folders.app(id), 'volumes'));
      const others = (await namesIn(folders.app(id))).filter((name) => name !== 'volumes');
      return {
        id,
        volumes: volumes.sort(),
        hasMore: others.length > 0 || logs.includes(id),
        open: app === undefined ? [] : await openAppFolders(folders, app),
      };
    }),
  );
}
