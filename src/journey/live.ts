// What is live, for whoever wants to run the very same on another machine: how it starts, which image it is and what that is made of, and the
// image itself. Values of the app's config stay here; only their names are told.
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { ImageId } from '../domain/ids.ts';
import type { LiveFacts } from '../domain/live.ts';
import type { Artifact, Release } from '../domain/release.ts';
import { configOf } from '../store/app-config.ts';
import { findArtifact, liveRelease } from '../store/releases.ts';
import type { World } from './world.ts';

/** @throws no-release */
export async function liveFacts(world: World, app: App): Promise<LiveFacts> {
  const { release, artifact } = liveOf(world, app);
  const { plan, image } = artifact;
  const [node, details] = await Promise.all([
    world.hello().then(
      ({ nodeId }) => nodeId,
      () => null,
    ),
    image ? world.agent.imageDetails(image.id).catch(() => null) : null, // what it would say is left out
  ]);
  const { env, limits, volumes, health } = plan;
  const { command, env: ofProcess } = plan.processes.web;
  return {
    ...{ app: app.name, appId: app.id, node },
    release: { version: release.version, commit: release.commit, tree: release.treeId },
    start: { command, env: { ...env, ...ofProcess }, limits, volumes, health },
    configNames: Object.keys(configOf(world.database, app.id, release.configVersion).entries),
    image: image ? { ...image, pulled: plan.image?.pulled ?? null, details } : null,
  };
}

/** @throws no-release, not-found (it is no image, or that is gone), no-engine, engine-away, agent-away, busy */
export async function liveImage(
  world: World,
  app: App,
  signal: AbortSignal,
): Promise<{ id: ImageId; bytes: AsyncIterable<Uint8Array> }> {
  const { image } = liveOf(world, app).artifact;
  if (!image) throw fail('not-found', `${app.name} runs as processes of its machine: it is no image`);
  return { id: image.id, bytes: await world.agent.imageArchive(image.id, signal) };
}

function liveOf(world: World, app: App): { release: Release; artifact: Artifact } {
  const release = liveRelease(world.database, app.id);
  const artifact = release && findArtifact(world.database, app.id, release.artifactDigest);
  if (release && artifact) return { release, artifact };
  throw fail('no-release', `nothing of ${app.name} is live`, { advice: 'Push it first.' });
}
