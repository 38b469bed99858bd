// The verbs of images, for the doors: what an app follows and who tells of news, logins, build secrets, and the registry of one's own.
import type { ImageVerbs } from '../api/image-verbs.ts';
import { fail } from '../domain/errors.ts';
import { changeBuildSecrets } from '../journey/images/build-secrets.ts';
import { changeAfterCommand, deployFollowed } from '../journey/images/follow.ts';
import { NoticeDesk } from '../journey/images/hear-notice.ts';
import { createHook, removeHook, rotateSecret } from '../journey/images/hooks.ts';
import type { ImageLooks } from '../journey/images/looks.ts';
import type { OwnImagesBook } from '../journey/images/own-images.ts';
import { forgetRegistry, setRegistry } from '../journey/images/registries.ts';
import type { World } from '../journey/world.ts';
import { afterCommand, followedImage } from '../store/app-images.ts';
import { listBuildSecrets } from '../store/build-secrets.ts';
import { listHooks } from '../store/hooks.ts';
import { listRegistries } from '../store/registries.ts';

export type ImagesOptions = {
  world: World;
  looks: Pick<ImageLooks, 'look'>;
  /** null: it runs no registry. */
  ownImages: OwnImagesBook | null;
};

export function imagesOf({ world, looks, ownImages }: ImagesOptions): ImageVerbs {
  const { database } = world;
  const desk = new NoticeDesk(world, (app) => looks.look(app));
  const mustRun = (): OwnImagesBook => {
    if (ownImages) return ownImages;
    throw fail('not-found', 'this Lockstep runs no registry of its own', {
      advice: 'Start it with LOCKSTEP_REGISTRY=on in the environment of lockstep up (docs/registry.md).',
    });
  };

  return {
    followedImage: (app) => followedImage(database, app.id),
    async startImageDeploy(principal, app, named) {
      const { image, deploy } = await deployFollowed(world, principal, app, named);
      return { image, started: deploy.state === 'begun' ? { kind: 'change', id: deploy.change.id } : null };
    },
    afterCommand: (_principal, app) => afterCommand(database, app.id),
    changeAfterCommand: (principal, app, argv) => changeAfterCommand(world, principal, app, argv),
    listHooks: (_principal, app) => listHooks(database, app.id),
    createHook: (principal, app, name) => createHook(world, principal, app, name),
    rotateHook: (principal, app, id) => rotateSecret(world, principal, app, id),
    deleteHook: (principal, app, id) => removeHook(world, principal, app, id),
    hearNotice: (sent) => desk.hear(sent),
    listRegistries: (principal) => listRegistries(database, principal),
    setRegistry: (principal, login) => setRegistry(world, principal, login),
    forgetRegistry: (principal, host) => forgetRegistry(world, principal, host),
    buildSecrets: (_principal, app) => listBuildSecrets(database, app.id),
    changeBuildSecrets: (principal, app, wanted) => changeBuildSecrets(world, principal, app, wanted),
    ownImages: async (_principal, app) => mustRun().of(app),
    setImageVisibility: (principal, app, repository, isPublic) =>
      mustRun().setVisibility(principal, app, repository, isPublic),
    setImageQuota: (principal, app, mostBytes) => mustRun().setQuota(principal, app, mostBytes),
    tidyRegistry: async () => mustRun().tidy(),
  };
}
