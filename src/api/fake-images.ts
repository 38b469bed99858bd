// The fake platform's verbs of images: what an app follows, who tells of news, logins of registries, build secrets, and the registry of one's own.
import type { DatabaseSync } from 'node:sqlite';
import { fail } from '../domain/errors.ts';
import { appOfRepository } from '../domain/own-image.ts';
import { afterCommand, followedImage, followImage, setAfterCommand } from '../store/app-images.ts';
import { dropBuildSecret, keepBuildSecret, listBuildSecrets } from '../store/build-secrets.ts';
import { deleteHook, insertHook, listHooks, rotateHook } from '../store/hooks.ts';
import { listPublic, quotaOf, setPublic, setQuota } from '../store/own-images.ts';
import { dropRegistry, keepRegistry, listRegistries } from '../store/registries.ts';
import { id, missing, type seed } from './fake-things.ts';
import type { ImageVerbs } from './image-verbs.ts';

export function fakeImages(given: {
  database: DatabaseSync;
  ids: ReturnType<typeof seed>;
  /** Of long work, which waits for the test's word. */
  begin(call: string): Promise<void>;
  called(call: string): void;
}): ImageVerbs {
  const { database, ids, begin, called } = given;
  return {
    followedImage: (app) => followedImage(database, app.id),
    async startImageDeploy(_principal, app, image) {
      await begin('startImageDeploy');
      if (image) followImage(database, app, image);
      const followed = followedImage(database, app.id) ?? missing('image');
      return { image: followed, started: { kind: 'change', id: ids.change } };
    },
    buildSecrets: (_principal, app) => listBuildSecrets(database, app.id),
    changeBuildSecrets(principal, app, { set, unset }) {
      called('changeBuildSecrets');
      const by = { actor: principal.name, nowMs: 1_700_000_000_000 };
      for (const [name, value] of set) keepBuildSecret(database, app, { name, value }, by);
      for (const name of unset) dropBuildSecret(database, app.id, name);
      return listBuildSecrets(database, app.id);
    },
    afterCommand: (_principal, app) => afterCommand(database, app.id),
    changeAfterCommand(_principal, app, argv) {
      called('changeAfterCommand');
      setAfterCommand(database, app.id, argv);
    },
    listHooks: (_principal, app) => listHooks(database, app.id),
    createHook(_principal, app, name) {
      called('createHook');
      const hook = { id: id('hok'), name, hash: id('hok'), createdAtMs: 1_700_000_000_000 };
      if (!insertHook(database, app, hook)) throw fail('name-taken', 'there is one of this name');
      return { hook: listHooks(database, app.id).find((one) => one.name === name)!, secret: 'lsh_secret' };
    },
    rotateHook(_principal, app, hook) {
      called('rotateHook');
      if (!rotateHook(database, app.id, hook, id('hok'), 1)) missing('hook');
      return { hook: listHooks(database, app.id).find((one) => one.id === hook)!, secret: 'lsh_other' };
    },
    deleteHook(_principal, app, hook) {
      called('deleteHook');
      if (!deleteHook(database, app.id, hook)) missing('hook');
    },
    hearNotice: ({ inPath }) =>
      inPath === 'news' ? { outcome: 'looking', why: 'it is news' } : { outcome: 'ignored', why: 'it is no news' },
    listRegistries: (principal) => listRegistries(database, principal),
    setRegistry(principal, login) {
      called('setRegistry');
      const by = { actor: principal.name, nowMs: 1_700_000_000_000 };
      keepRegistry(database, principal, login, by);
      return { host: login.host, username: login.username, actor: by.actor, createdAtMs: by.nowMs };
    },
    forgetRegistry(principal, host) {
      called('forgetRegistry');
      if (!dropRegistry(database, principal, host)) missing('registry');
    },
    async ownImages(_principal, app) {
      const open = listPublic(database, app.id);
      const repositories = [app.name, ...open.filter((name) => name !== app.name)].map((name) => ({
        ...{ name, isPublic: open.includes(name), bytes: 3 * 1024 ** 2, tags: 1 },
      }));
      return { repositories, bytes: 3 * 1024 ** 2, mostBytes: quotaOf(database, app.id) };
    },
    setImageVisibility(_principal, app, repository, isPublic) {
      called('setImageVisibility');
      if (appOfRepository(repository) !== app.name) throw fail('bad-request', 'it is of another app');
      setPublic(database, app, repository, isPublic);
    },
    setImageQuota(_principal, app, mostBytes) {
      called('setImageQuota');
      setQuota(database, app, mostBytes);
    },
    async tidyRegistry() {
      called('tidyRegistry');
      return { repositories: 0, images: 2, bytes: 5 * 1024 ** 2 };
    },
  };
}
