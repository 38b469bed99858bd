// Is what is on main what is live? Asked of everybody who knows: main (through its seam), the store, the agent's fresh look at
// processes and served files, and the router. IN SYNC is said only when all of them agree; the questions are the doctor's own
// (`doctor/judge-app.ts`).
import type { App } from '../domain/app.ts';
import { isDrift, type Problem } from '../domain/doctor.ts';
import type { CommitId, Digest, ImageId, InstanceId, TreeId } from '../domain/ids.ts';
import type { ObservedInstance } from '../domain/observed.ts';
import { overrideOf } from '../store/changes.ts';
import { type AppFacts, factsOf } from './doctor/app-facts.ts';
import { judgeApp, whyNotRunning } from './doctor/judge-app.ts';
import type { World } from './world.ts';

export type SyncStatus = {
  state: 'IN SYNC' | 'DRIFTED' | 'DEPLOYING' | 'EMPTY';
  why: string;
  main: { commit: CommitId; tree: TreeId } | null;
  release: { version: number | null; artifact: Digest; commit: CommitId; tree: TreeId } | null;
  /** What the release runs in, and the image of each of its containers, as the engine says; null: it is none of images. */
  image: { id: ImageId; containers: readonly { instance: InstanceId; image: string | null }[] } | null;
  instances: readonly ObservedInstance[];
  /** What the router itself says that it serves at the app's first host. */
  router: { release: string | null; generation: number | null; instances: readonly InstanceId[] };
  /** git's id of what lies in the release directory, computed from the disk; null: nothing is live, or it cannot be read. */
  served: { tree: TreeId; files: number } | null;
  /** What is wrong; the first of them is `why`. */
  problems: readonly Problem[];
};

export async function statusOf(world: World, app: App): Promise<SyncStatus> {
  const facts = await factsOf(world, app);
  const { live, main } = facts;
  const instances = world.observations.ofApp(app.id);
  const problems = judgeApp(facts).map((one) =>
    one.code === 'not-running' ? { ...one, what: whyNotRunning(ofLive(facts, instances)) ?? one.what } : one,
  );
  const release = facts.evidence?.release ?? null;
  const common = {
    main,
    release: live && {
      version: live.version,
      artifact: live.artifactDigest,
      commit: live.commit,
      tree: live.treeId,
    },
    image: imageOf(facts),
    instances,
    router: routed(facts),
    served: live &&
      release && { tree: facts.differences?.length === 0 ? live.treeId : release.treeId, files: release.files },
    problems,
  };
  const say = (state: SyncStatus['state'], why: string): SyncStatus => ({ state, why, ...common });
  if (facts.underWay !== null) return say('DEPLOYING', facts.underWay);
  const drift = problems.find(isDrift);
  if (drift && facts.isBusy) return say('DEPLOYING', 'a change of it is on its way');
  if (drift) return say('DRIFTED', drift.what);
  if (live === null) return say('EMPTY', 'nothing was pushed yet');
  const override = overrideOf(world.database, app.id, live.commit);
  const past = override === null ? '' : `, landed without the checks: ${override}`;
  return say('IN SYNC', `v${live.version} is live and is main (${live.commit.slice(0, 7)})${past}`);
}

function imageOf({ live, artifact, evidence }: AppFacts): SyncStatus['image'] {
  if (!live || !artifact?.image) return null;
  const ofIt = (evidence?.processes ?? []).filter(({ setId, image }) => setId === live.setId && image !== undefined);
  const containers = ofIt.flatMap(({ instanceId: instance, image = null, beside = [] }) =>
    [image, ...beside].map((one) => ({ instance, image: one })),
  );
  return { id: artifact.image.id, containers };
}

function ofLive({ live }: AppFacts, instances: readonly ObservedInstance[]): ObservedInstance[] {
  return instances.filter((one) => one.setId === live?.setId);
}

function routed({ app, live, evidence }: AppFacts): SyncStatus['router'] {
  const router = evidence?.router ?? null;
  const route = router?.routes[app.hosts[0] ?? ''];
  const generation = router?.generation ?? null;
  if (route === undefined || route === 'platform') return { release: null, generation, instances: [] };
  const isLive = live !== null && route.setId === live.setId;
  return {
    release: isLive ? `v${live.version}` : route.releaseLabel,
    generation,
    instances: route.upstreams.map(({ instanceId }) => instanceId),
  };
}
