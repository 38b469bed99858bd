// Control's part in the registry of this Lockstep, put together: its door, what is known of its images, and the turns at which lost notices are
// looked for and the disk is tidied. A registry that was started anew may have ended with a notice untold: then tags are compared.
import { statSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import type { App } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import { parseDigest, parseImageReference } from '../../domain/image-reference.ts';
import { appOfRepository } from '../../domain/own-image.ts';
import type { ImageLooks } from '../../journey/images/looks.ts';
import { OwnImagesBook } from '../../journey/images/own-images.ts';
import { tagPushed } from '../../journey/images/tag-pushed.ts';
import type { World } from '../../journey/world.ts';
import { Rate } from '../../lib/rate.ts';
import { appNamed } from '../../store/apps.ts';
import { RegistryDoor } from './door.ts';
import { keeperAt } from './keeper.ts';
import { registrySocket } from './own-registry.ts';
import { openTrust } from './trust.ts';

const lookEveryMs = 5000;
const tidyEveryMs = 3_600_000;
const manifestKinds = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');

export type OwnRegistryRoom = {
  door: RegistryDoor;
  book: OwnImagesBook;
  /** Begins the turns. */
  keep(): void;
  /** An app was destroyed. */
  gone(): void;
};

export async function openOwnRegistry(
  world: World,
  looks: Pick<ImageLooks, 'look'>,
  config: Pick<Config, 'home'>,
  host: string,
): Promise<OwnRegistryRoom> {
  const { database, log, signal } = world;
  const socketPath = registrySocket(config.home);
  const paces = new Rate({ burst: 1, everyMs: 60_000 }, () => performance.now());
  const tell = (what: string) => (error: Error) => {
    if (!signal.aborted && !isFailure(error, 'busy') && paces.take(what))
      log({ level: 'warn', message: `${what}: ${error.message}` });
  };
  const pushed = (app: App, repository: string, tag: string, actor: string): void =>
    void tagPushed(world, looks, app, { image: parseImageReference(`${host}/${repository}:${tag}`), actor });
  const door = new RegistryDoor({
    ...{ world, home: config.home, socketPath, trust: await openTrust(config.home, Date.now()) },
    pushed(repository, tag, actor) {
      const app = appNamed(database, appOfRepository(repository));
      if (app) pushed(app, repository, tag, actor);
    },
    roomOf: (app) => book.roomOf(app),
    failed: (error) => tell('the registry')(error),
  });
  const book = new OwnImagesBook(world, {
    ...{ host, pushed, keeper: keeperAt(config.home), use: door.use },
    async digestOf(repository, tag) {
      const answer = await door.ask(
        `/v2/${repository}/manifests/${tag}`,
        { name: repository, actions: ['pull'] },
        { accept: manifestKinds },
      );
      if (answer.status === 404) return null;
      return parseDigest(answer.headers['docker-content-digest'] ?? '') ?? unexpected(answer.status);
    },
    async tagsOf(repository) {
      const answer = await door.ask(`/v2/${repository}/tags/list?n=2`, { name: repository, actions: ['pull'] });
      if (answer.status === 404) return [];
      if (answer.status !== 200) return unexpected(answer.status);
      return (JSON.parse(answer.body) as { tags: string[] | null }).tags ?? [];
    },
  });
  const gone = (): void => void book.dropGone().catch(tell('images of destroyed apps are left'));

  /** When the registry that serves was started; 0: none does. */
  const startedAt = (): number => statSync(socketPath, { throwIfNoEntry: false })?.ctimeMs ?? 0;
  let comparedAt = 0;
  let isAtWork = false;
  const compare = async (): Promise<void> => {
    const startedAtMs = startedAt();
    if (startedAtMs === 0 || startedAtMs === comparedAt || isAtWork) return;
    isAtWork = true;
    try {
      await book.findLostPushes();
      comparedAt = startedAtMs;
    } catch (error) {
      // It is starting still, or ended again: the next look asks anew.
      log({ level: 'info', message: `tags were not compared: ${(error as Error).message}` });
    } finally {
      isAtWork = false;
    }
  };
  return {
    ...{ door, book, gone },
    keep() {
      void compare();
      const timers = [
        setInterval(() => {
          void compare();
          gone();
        }, lookEveryMs),
        setInterval(() => {
          comparedAt = 0;
          void book.tidyIfDue().catch(tell('the registry was not tidied'));
        }, tidyEveryMs),
      ];
      for (const timer of timers) timer.unref();
      signal.addEventListener('abort', () => timers.forEach(clearInterval), { once: true });
    },
  };
}

function unexpected(status: number): never {
  throw new Error(`the registry answered ${status}`);
}
