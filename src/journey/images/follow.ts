// What image an app follows: said by a person, kept in the store, and told in the ledger.
import type { App, Principal } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { type ImageReference, imageText } from '../../domain/image-reference.ts';
import { followedImage, followImage, noteSeen, setAfterCommand } from '../../store/app-images.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, type World } from '../world.ts';
import { beginImageDeploy, type ImageDeploy } from './deploy-image.ts';

/** The caller holds the transaction. */
export function follow(world: World, app: App, image: ImageReference, actor: string): void {
  followImage(world.database, app, image);
  const by = { teamId: app.teamId, appId: app.id, actor };
  appendEvent(world.database, eventOf(by, 'image.followed', { image: imageText(image) }));
}

/**
 * Makes an image live: the one that is named, which the app follows from then on, or the one that it follows. What cannot be begun is not
 * followed either.
 * @throws not-found (it follows none), and what `beginImageDeploy` throws
 */
export async function deployFollowed(
  world: World,
  principal: Principal,
  app: App,
  named: ImageReference | null,
): Promise<{ image: ImageReference; deploy: ImageDeploy }> {
  const present = followedImage(world.database, app.id);
  const image = named ?? present;
  if (!image)
    throw fail('not-found', `${app.name} follows no image`, { advice: 'Name one: lockstep deploy --image NAME' });
  const deploy = await beginImageDeploy(world, app, image, principal.name);
  const isOther = present === null || imageText(present) !== imageText(image);
  inTransaction(world.database, () => {
    if (isOther) follow(world, app, image, principal.name);
    noteSeen(world.database, app.id, deploy.digest);
  });
  if (isOther) world.announce();
  return { image, deploy };
}

/** What runs after each deploy of the app's image; null: nothing. @throws not-found: it follows none */
export function changeAfterCommand(world: World, principal: Principal, app: App, argv: readonly string[] | null): void {
  if (followedImage(world.database, app.id) === null)
    throw fail('not-found', `${app.name} follows no image`, { advice: 'Name one: lockstep deploy --image NAME' });
  const by = { teamId: app.teamId, appId: app.id, actor: principal.name };
  inTransaction(world.database, () => {
    setAfterCommand(world.database, app.id, argv);
    appendEvent(world.database, eventOf(by, 'image.after-changed', { isSet: argv !== null }));
  });
  world.announce();
}
