// What has been pushed to our own registry and not been heard of, and what goes from its disk: against the real store, git and looks, an agent in
// memory, and a registry of tags and figures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import type { RegistryDisk, RegistryNeeds } from '../../domain/own-image.ts';
import { RegistryUse } from '../../main/registry/use.ts';
import { seenDigest } from '../../store/app-images.ts';
import { listEvents } from '../../store/events.ts';
import { imagesRemovals, isBeingRemoved } from '../../store/own-images.ts';
import { liveRelease } from '../../store/releases.ts';
import { destroyApp } from '../apps.ts';
import { FakeWorld } from '../fake-world.ts';
import { startRollback } from '../rollback.ts';
import { ImageLooks } from './looks.ts';
import { OwnImagesBook } from './own-images.ts';
import { tagPushed } from './tag-pushed.ts';

const host = '127.0.0.1:8080';
const digest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}` as Digest;

async function stand() {
  const place = new FakeWorld();
  const { world, agent } = place;
  agent.engineLook = { state: 'ready', socket: '/run/engine', facts: {} as never };
  await place.createApp('web');
  const looks = new ImageLooks(world, { answer: async () => {}, pausesMs: [] });
  const use = new RegistryUse();
  const asked: { what: string; needs?: RegistryNeeds; names?: readonly string[] }[] = [];
  const disk = { needless: 0, bytes: 1000 };
  const look = (): RegistryDisk => ({
    repositories: [{ name: 'web', bytes: disk.bytes, tags: 1, needless: disk.needless }],
    ...{ bytesOfApps: { web: disk.bytes }, bytes: disk.bytes },
  });
  /** Tags by `repository:tag`. */
  const tags = new Map<string, Digest>();
  const book = new OwnImagesBook(world, {
    ...{ host, use },
    keeper: {
      async measure(needs) {
        asked.push({ what: 'measure', needs });
        return look();
      },
      drop: async (names) => void asked.push({ what: 'drop', names }),
      async tidy(needs) {
        asked.push({ what: 'tidy', needs });
        Object.assign(disk, { needless: 0, bytes: 400 });
        return look();
      },
    },
    digestOf: async (repository, tag) => tags.get(`${repository}:${tag}`) ?? null,
    tagsOf: async (repository) =>
      [...tags.keys()].filter((name) => name.startsWith(`${repository}:`)).map((name) => name.split(':')[1]!),
    pushed: (app: App, repository, tag, actor) =>
      void tagPushed(world, looks, app, { image: parseImageReference(`${host}/${repository}:${tag}`), actor }),
  });
  const app = () => place.app('web');
  const push = (n: number, tag = 'latest'): void => {
    tags.set(`web:${tag}`, digest(n));
    agent.registry.set(`${host}/web:${tag}`, digest(n));
  };
  const find = async (): Promise<void> => {
    await book.findLostPushes();
    await looks.rest(app().id);
  };
  const looked = () =>
    listEvents(world.database, place.owner, app().id, 0, 1000)
      .filter(({ type }) => type === 'image.looked')
      .map(({ data }) => data.outcome);
  const live = () => liveRelease(world.database, app().id)?.version ?? null;
  return {
    ...{ place, world, book, use, asked, disk, app, push, find, looked, live },
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

test('a push of which nobody told is deployed once, the first of an app as well', async () => {
  using at = await stand();
  await at.find();
  assert.deepEqual([at.live(), at.looked()], [null, []]);
  at.push(1);
  await at.find();
  assert.equal(at.live(), 1);
  at.push(2);
  for (let n = 0; n < 3; n += 1) await at.find();
  assert.deepEqual([at.live(), at.looked()], [2, ['landed', 'landed']]);
});

test('a tag that an app does not follow is not deployed, nor the first of several', async () => {
  using at = await stand();
  at.push(1, 'a');
  at.push(2, 'b');
  await at.find();
  assert.equal(at.live(), null);
});

test('what was looked at is not deployed again: rolled back, rejected, or known to an older version', async () => {
  using at = await stand();
  at.push(1);
  await at.find();
  at.push(2);
  await at.find();
  const { id } = await startRollback(at.world, at.app(), { version: 1, withConfig: false, actor: 'owner' });
  for await (const step of at.world.progress.follow(id, AbortSignal.timeout(20_000))!)
    if ('end' in step) assert.ok(step.end.ok, step.end.reason ?? '');
  assert.equal(at.live(), 3);
  await at.find();
  assert.equal(at.live(), 3, 'what was rolled back stays so');
  at.world.database.exec('UPDATE app_images SET seen = NULL');
  await at.find();
  assert.equal(at.live(), 3);
  assert.equal(seenDigest(at.world.database, at.app().id), digest(2));
});

test('the disk is tidied by itself when something may go, with what rollbacks need, and not while somebody pushes', async () => {
  using at = await stand();
  at.push(1);
  await at.find();
  const words = () => at.asked.splice(0).map(({ what }) => what);
  // The first turn of a process is due.
  await at.book.tidyIfDue();
  assert.deepEqual(words(), ['measure', 'measure', 'tidy']);
  await at.book.tidyIfDue();
  assert.deepEqual(words(), [], 'nothing has changed');
  at.use.begin('web', 'push')();
  at.disk.needless = 1;
  await at.book.tidyIfDue();
  assert.deepEqual(words(), []);
  await assert.rejects(at.book.tidy(), (error) => isFailure(error, 'busy') && /pushed to web/.test(error.message));
  words();
  at.use.begin('web', 'tag')();
  await at.book.tidyIfDue();
  assert.deepEqual(at.asked.find(({ what }) => what === 'tidy')?.needs, {
    apps: ['web'],
    keep: [digest(1)],
    graceMs: 3_600_000,
  });
  Object.assign(at.disk, { needless: 2, bytes: 1400 });
  assert.deepEqual(await at.book.tidy(), { repositories: 0, images: 2, bytes: 1000 });
});

test('what there is room for is measured again before it is said that there is none', async () => {
  using at = await stand();
  at.book.setQuota(at.place.owner, at.app(), 10_000);
  assert.equal(await at.book.roomOf(at.app()), 9000);
  at.use.came('web', 7000);
  assert.equal(await at.book.roomOf(at.app()), 2000);
  assert.equal(at.asked.length, 1);
  at.use.came('web', 1500);
  assert.equal(await at.book.roomOf(at.app()), 9000, 'most of it is there already');
  at.disk.bytes = 12_000;
  at.use.came('web', 9000);
  assert.equal(await at.book.roomOf(at.app()), -2000);
});

test('the images of a destroyed app go before its name lets anybody in', async () => {
  using at = await stand();
  at.book.setVisibility(at.place.owner, at.app(), 'web/api', true);
  assert.throws(
    () => at.book.setVisibility(at.place.owner, at.app(), 'shop', true),
    (error) => isFailure(error, 'bad-request'),
  );
  await destroyApp(at.world, at.place.owner, at.app(), { volumes: false });
  await at.place.createApp('web');
  assert.equal(isBeingRemoved(at.world.database, 'web'), true);
  assert.deepEqual(
    (await at.book.of(at.app())).repositories.filter(({ isPublic }) => isPublic),
    [],
  );
  const over = at.use.begin('web', 'push');
  await at.book.dropGone();
  assert.equal(isBeingRemoved(at.world.database, 'web'), true, 'somebody is at it still');
  over();
  await at.book.dropGone();
  assert.deepEqual(imagesRemovals(at.world.database), []);
  assert.deepEqual(at.asked.at(-1), { what: 'drop', names: ['web'] });
  assert.equal(at.use.pushing(), null);
});
