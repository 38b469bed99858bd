// A tag was pushed to this Lockstep's own registry, by somebody who may deploy the app. That is its deploy when the app follows the tag; an app that
// has nothing yet follows the first tag that is pushed.
import type { App } from '../../domain/app.ts';
import { type ImageReference, imageText } from '../../domain/image-reference.ts';
import { askForLook, followedImage } from '../../store/app-images.ts';
import { inTransaction } from '../../store/open.ts';
import { liveRelease } from '../../store/releases.ts';
import { newId, type World } from '../world.ts';
import { follow } from './follow.ts';
import type { ImageLooks } from './looks.ts';

/** True when it is looked at now. */
export function tagPushed(
  world: World,
  looks: Pick<ImageLooks, 'look'>,
  app: App,
  { image, actor }: { image: ImageReference; actor: string },
): boolean {
  const { database } = world;
  const followed = followedImage(database, app.id);
  const isFirst = followed === null && app.mainBranch === null && liveRelease(database, app.id) === null;
  if (!isFirst && (followed === null || imageText(followed) !== imageText(image))) return false;
  inTransaction(database, () => {
    if (isFirst) follow(world, app, image, actor);
    askForLook(database, app.id, { id: newId('evt'), actor, callbackUrl: null });
  });
  world.announce();
  looks.look(app);
  return true;
}
