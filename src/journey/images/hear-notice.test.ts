// Notices against a real store: what is accepted, ignored, refused and seen before, and what is written of each.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { App } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import { appsWithLooksDue, followImage, lookDue } from '../../store/app-images.ts';
import { listEvents } from '../../store/events.ts';
import { listHooks } from '../../store/hooks.ts';
import { dropOld } from '../../store/retention.ts';
import { FakeWorld } from '../fake-world.ts';
import { NoticeDesk } from './hear-notice.ts';
import { createHook, removeHook, rotateSecret } from './hooks.ts';

const hub = (more: object = {}) => ({
  callback_url: 'https://registry.hub.docker.com/u/team/web/hook/1/',
  push_data: { pushed_at: 1_417_566_161, pusher: 'ann', tag: 'latest', ...more },
  repository: { repo_name: 'team/web' },
});

async function stand(image: string | null = 'team/web') {
  const place = new FakeWorld();
  const { world, owner } = place;
  const app = await place.createApp('web');
  if (image) followImage(world.database, app, parseImageReference(image));
  const { hook, secret } = createHook(world, owner, app, 'hub');
  const looked: App['name'][] = [];
  const desk = new NoticeDesk(world, ({ name }) => void looked.push(name));
  const send = (body: unknown, more: { to?: string; at?: string; headers?: Record<string, string> } = {}) => {
    const headers: Record<string, string> = { 'content-type': 'application/json', ...more.headers };
    return desk.hear({
      ...{ appName: more.to ?? 'web', inPath: more.at ?? secret, bytes: Buffer.from(JSON.stringify(body)) },
      header: (name) => headers[name] ?? null,
    });
  };
  const refused = (code: Parameters<typeof isFailure>[1], ask: () => unknown) =>
    assert.throws(ask, (error) => isFailure(error, code!));
  const heard = () =>
    listEvents(world.database, owner, app.id, 0, 1000)
      .filter(({ type }) => type.startsWith('hook.'))
      .map(({ type, actor, data }) => [type, actor, data.outcome ?? data.why ?? null]);
  return {
    place,
    world,
    owner,
    app,
    hook,
    secret,
    looked,
    send,
    refused,
    heard,
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

test('a notice about the app’s image asks for a look, and says so before it is answered', async () => {
  using at = await stand();
  assert.deepEqual(at.send(hub()).outcome, 'looking');
  assert.deepEqual(at.looked, ['web']);
  const { id: _, ...due } = lookDue(at.world.database, at.app.id)!;
  assert.deepEqual(due, {
    actor: 'hook hub',
    callbackUrls: ['https://registry.hub.docker.com/u/team/web/hook/1/'],
  });
  assert.deepEqual(appsWithLooksDue(at.world.database), [at.app.id]);
  assert.deepEqual(at.heard().at(-1), ['hook.heard', 'hook hub', 'looking']);
  const [hook] = listHooks(at.world.database, at.app.id);
  assert.match(hook!.heard!, /^looking: /);
  assert.ok(hook!.heardAtMs! > 0);
});

test('the same delivery twice is one; a script’s notice is a look each time', async () => {
  using at = await stand();
  at.send(hub());
  assert.equal(at.send(hub()).outcome, 'seen');
  assert.equal(at.send(hub({ pushed_at: 1_417_566_162 })).outcome, 'looking');
  for (let times = 0; times < 2; times += 1) assert.equal(at.send({ image: 'team/web' }).outcome, 'looking');
  assert.equal(at.looked.length, 4);
});

test('what is no news is heard and nothing follows', async () => {
  using at = await stand();
  for (const body of [{ image: 'team/other' }, hub({ tag: '2' }), { zen: 'x', hook_id: 1 }])
    assert.equal(at.send(body).outcome, 'ignored');
  assert.deepEqual(at.looked, []);
  assert.equal(lookDue(at.world.database, at.app.id), null);
  using none = await stand(null);
  assert.match(none.send(hub()).why, /follows no image/);
});

test('without the secret nothing is read, and an app that is there cannot be told from one that is not', async () => {
  using at = await stand();
  const other = await at.place.createApp('other');
  const foreign = createHook(at.world, at.owner, other, 'hub');
  const why = (ask: () => unknown): string => {
    try {
      ask();
    } catch (error) {
      assert.ok(isFailure(error, 'unauthenticated'));
      return error.message;
    }
    return assert.fail('it was let in');
  };
  const said = [
    () => at.send(hub(), { at: foreign.secret }),
    () => at.send(hub(), { at: foreign.hook.id, headers: { 'x-gitlab-token': foreign.secret } }),
    () => at.send(hub(), { to: 'nobody' }),
    () => at.send(hub(), { to: '../web' }),
    () => at.send(hub(), { at: at.hook.id }),
    () => at.send(hub(), { at: 'x' }),
    () => at.send('no notice', { at: at.hook.id, headers: { 'content-type': 'text/plain' } }),
    () => at.send(hub(), { at: at.hook.id, headers: { 'x-hub-signature-256': 'sha256=00' } }),
    () => at.send(hub(), { headers: { 'x-hub-signature-256': 'sha256=00' } }),
  ].map(why);
  assert.equal(new Set(said).size, 1);
  assert.deepEqual(at.looked, []);
  // Told once, however often it is tried.
  assert.deepEqual(
    at.heard().filter(([type]) => type === 'hook.refused'),
    [['hook.refused', 'hook hub', 'it carried neither signature nor secret']],
  );
});

test('a sender that signs needs no secret in its address', async () => {
  using at = await stand('ghcr.io/team/web');
  const body = { image: 'ghcr.io/team/web' };
  const signature = createHmac('sha256', at.secret).update(JSON.stringify(body)).digest('hex');
  const headers = { 'x-hub-signature-256': `sha256=${signature}` };
  assert.equal(at.send(body, { at: at.hook.id, headers }).outcome, 'looking');
  at.refused('unauthenticated', () => at.send({ ...body, tag: 'x' }, { at: at.hook.id, headers }));
});

test('a secret that was replaced, and a hook that was removed, open nothing from then on', async () => {
  using at = await stand();
  const { secret } = rotateSecret(at.world, at.owner, at.app, at.hook.id);
  at.refused('unauthenticated', () => at.send(hub()));
  assert.equal(at.send(hub(), { at: secret }).outcome, 'looking');
  removeHook(at.world, at.owner, at.app, at.hook.id);
  at.refused('unauthenticated', () => at.send(hub(), { at: secret }));
  at.refused('not-found', () => removeHook(at.world, at.owner, at.app, at.hook.id));
  at.refused('not-found', () => rotateSecret(at.world, at.owner, at.app, at.hook.id));
});

test('no secret is in the store, and an app has so many hooks and no more', async () => {
  using at = await stand();
  const rows = at.world.database.prepare('SELECT * FROM hooks').all();
  assert.ok(!JSON.stringify(rows).includes(at.secret) && JSON.stringify(rows).includes('hash'));
  assert.ok(!JSON.stringify(listEvents(at.world.database, at.owner, null, 0, 100)).includes(at.secret));
  at.refused('name-taken', () => createHook(at.world, at.owner, at.app, 'hub'));
  for (let n = 1; n < 20; n += 1) createHook(at.world, at.owner, at.app, `hub-${n}`);
  at.refused('too-large', () => createHook(at.world, at.owner, at.app, 'one-more'));
});

test('five hundred notices at once cost as many questions as the pace allows', async () => {
  using at = await stand();
  const ends = { looking: 0, busy: 0 };
  for (let n = 0; n < 500; n += 1) {
    try {
      at.send(hub({ pushed_at: n }));
      ends.looking += 1;
    } catch (error) {
      assert.ok(isFailure(error, 'busy'));
      ends.busy += 1;
    }
  }
  assert.ok(ends.looking >= 60 && ends.looking < 120, `${ends.looking} were heard`);
  dropOld(at.world.database);
});

test('deliveries are remembered, and not for ever', async () => {
  using at = await stand();
  const insert = at.world.database.prepare('INSERT INTO deliveries VALUES (?, ?, ?, ?)');
  for (let n = 0; n < 1200; n += 1) insert.run(at.app.id, at.app.teamId, `d${n}`, n);
  dropOld(at.world.database);
  const left = at.world.database.prepare('SELECT count(*) AS n, min(heard_at_ms) AS oldest FROM deliveries').get();
  assert.deepEqual({ ...left }, { n: 1000, oldest: 200 });
});
