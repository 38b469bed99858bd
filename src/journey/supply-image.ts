// The image of a live release that is not on the machine any more: removed behind our back, or never there after a restore. It is pulled again by
// its digest, or built again of main's tree. A build is not the same to the last bit where the builder has forgotten its steps: then what
// comes out is a release of its own, which is proved by its health and switched to, and says why it is there.
import { randomUUID } from 'node:crypto';
import { withImage } from '../build/build.ts';
import type { GitTree } from '../build/git-tree.ts';
import { imageWork } from '../build/image-work.ts';
import type { App } from '../domain/app.ts';
import type { ImageArtifact } from '../domain/release.ts';
import type { Runnable } from '../release/compose.ts';
import { liveRelease } from '../store/releases.ts';
import { makeCandidate } from './candidate.ts';
import { releaseBeside } from './config-release.ts';
import { buildImage, pullImage } from './image.ts';
import type { World } from './world.ts';

/** Under the app's lock. @throws install-failed, pull-refused, engine-away, … */
export async function supplyImage(world: World, app: App, live: Runnable, tree: GitTree): Promise<void> {
  const { artifact } = live;
  const image = await imageAgain(world, app, live, tree);
  const present = liveRelease(world.database, app.id);
  if (image.id === artifact.image?.id || present === null) return;
  const candidate = makeCandidate(world, withImage(artifact, image), {
    ...{ app, cause: 'config', commit: present.commit, configVersion: present.configVersion, changeId: null },
    ...{ actor: 'lockstep', docs: present.docs },
    description: `v${present.version} again: its image was gone, and was built anew`,
  });
  await releaseBeside(world, candidate);
}

async function imageAgain(world: World, app: App, { artifact }: Runnable, tree: GitTree): Promise<ImageArtifact> {
  const { plan } = artifact;
  const quiet = (): void => {};
  const recipe = plan.image ?? { written: null, testTarget: null, isUncached: false };
  if (recipe.pulled)
    return pullImage(world, app, { image: recipe.pulled, web: plan.processes.web }, quiet, world.signal);
  const { hasCertificates } = await world.hello();
  const plain = { parts: [], image: recipe };
  const work = await imageWork(app.id, tree, plain, [app.name], randomUUID(), hasCertificates);
  return buildImage(world, app, work, plan, quiet, world.signal);
}
