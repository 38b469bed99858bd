// From a notice, or a person's word, to what is live: against the real store and git, and an agent in memory that has a registry.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fail, isFailure } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import { imageText, parseImageReference } from '../../domain/image-reference.ts';
import type { JobSpec } from '../../domain/job.ts';
import type { Outcome } from '../../receive/notices/answer-sender.ts';
import { askForLook, followImage, lookDue } from '../../store/app-images.ts';
import { listChanges } from '../../store/changes.ts';
import { listEvents } from '../../store/events.ts';
import { findArtifact, liveRelease, releaseOfVersion } from '../../store/releases.ts';
import { storeConfig } from '../config-release.ts';
import { FakeWorld } from '../fake-world.ts';
import { startRollback } from '../rollback.ts';
import { beginImageDeploy, withImageLine } from './deploy-image.ts';
import { changeAfterCommand } from './follow.ts';
import { ImageLooks } from './looks.ts';
import { setRegistry } from './registries.ts';

const digest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}` as Digest;
const image = 'ghcr.io/team/web:latest';

async function stand() {
  const place = new FakeWorld();
  const { world, agent } = place;
  agent.engineLook = { state: 'ready', socket: '/run/engine', facts: {} as never };
  agent.registry.set(image, digest(1));
  await place.createApp('web');
  const app = () => place.app('web');
  followImage(world.database, app(), parseImageReference(image));
  const told: [string, Outcome][] = [];
  const looks = new ImageLooks(world, {
    answer: async (url, outcome) => void told.push([url, outcome]),
    pausesMs: [1, 1],
  });
  let asked = 0;
  const ask = (callbackUrl: string | null = null) => {
    askForLook(world.database, app().id, { id: `ask-${asked++}`, actor: 'hook hub', callbackUrl });
    looks.look(app());
  };
  const live = () => liveRelease(world.database, app().id);
  const looked = () =>
    listEvents(world.database, place.owner, app().id, 0, 1000)
      .filter(({ type }) => type === 'image.looked')
      .map(({ data }) => [data.outcome, data.digest]);
  const file = async () => (await place.git(app(), ['show', 'main:lockstep.yml'])).trim();
  return {
    place,
    world,
    agent,
    app,
    looks,
    ask,
    told,
    live,
    looked,
    file,
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

test('a look makes live what the tag is, by its digest, and main says so', async () => {
  using at = await stand();
  at.ask('https://registry.hub.docker.com/u/1');
  await at.looks.rest(at.app().id);
  assert.equal(await at.file(), `image: ${image}@${digest(1)}`);
  const live = at.live()!;
  assert.deepEqual([live.version, live.actor, live.description], [1, 'hook hub', `deployed ${image}@${digest(1)}`]);
  const artifact = findArtifact(at.world.database, at.app().id, live.artifactDigest)!;
  assert.deepEqual(
    [artifact.image?.id, artifact.image?.ports, artifact.plan.processes.web.command],
    [digest(1), [80], null],
  );
  assert.equal(at.agent.routed(at.app().id), live.setId);
  assert.deepEqual(at.told, [
    [
      'https://registry.hub.docker.com/u/1',
      { state: 'success', description: 'v1 is live', targetUrl: at.world.urlOf(at.app()) },
    ],
  ]);
  assert.equal(lookDue(at.world.database, at.app().id), null);

  // The same again is no deploy.
  at.ask();
  await at.looks.rest(at.app().id);
  assert.deepEqual(at.looked(), [
    ['landed', digest(1)],
    ['live', digest(1)],
  ]);
  at.agent.registry.set(image, digest(2));
  at.ask();
  await at.looks.rest(at.app().id);
  assert.deepEqual([at.live()?.version, await at.file()], [2, `image: ${image}@${digest(2)}`]);
});

test('back to the release before is a revert, of main too', async () => {
  using at = await stand();
  for (const n of [1, 2]) {
    at.agent.registry.set(image, digest(n));
    at.ask();
    await at.looks.rest(at.app().id);
  }
  const { id } = await startRollback(at.world, at.app(), { version: 1, withConfig: false, actor: 'owner' });
  for await (const step of at.world.progress.follow(id, AbortSignal.timeout(20_000))!)
    if ('end' in step) assert.ok(step.end.ok, step.end.reason ?? '');
  assert.equal(await at.file(), `image: ${image}@${digest(1)}`);
  assert.equal(at.live()?.artifactDigest, releaseOfVersion(at.world.database, at.app().id, 1)?.artifactDigest);
});

test('an image that does not become healthy is refused, and its sender hears why', async () => {
  using at = await stand();
  at.ask();
  await at.looks.rest(at.app().id);
  at.agent.boot = () => ({ state: 'failed', reason: 'exited with code 1' });
  at.agent.registry.set(image, digest(2));
  at.ask('https://hub.docker.com/cb');
  await at.looks.rest(at.app().id);
  assert.deepEqual([at.live()?.version, await at.file()], [1, `image: ${image}@${digest(1)}`]);
  const [[, outcome]] = at.told as [[string, Outcome]];
  assert.equal(outcome.state, 'failure');
  assert.match(outcome.description, /exited with code 1|boot/);
});

test('many who ask while one look is on its way are one more look, and each is told once', async () => {
  using at = await stand();
  const first = Promise.withResolvers<void>();
  let questions = 0;
  at.agent.beforeRegistry = async (question) => {
    if ('deadlineMs' in question) return;
    questions += 1;
    if (questions === 1) await first.promise;
  };
  at.ask('https://hub.docker.com/0');
  for (let n = 1; n <= 8; n += 1) at.ask(`https://hub.docker.com/${n}`);
  at.agent.registry.set(image, digest(7));
  first.resolve();
  await at.looks.rest(at.app().id);
  assert.ok(questions <= 2, `${questions} questions`);
  assert.equal(await at.file(), `image: ${image}@${digest(7)}`);
  assert.deepEqual(
    at.told.map(([url]) => url).sort(),
    Array.from({ length: 9 }, (_, n) => `https://hub.docker.com/${n}`),
  );
});

test('a newer image ends the deploy of the one before it, whose sender hears so', async () => {
  using at = await stand();
  const begun = Promise.withResolvers<void>();
  at.agent.boot = ({ artifact }) => {
    if (String(artifact.image?.id) !== digest(1)) return { state: 'healthy', healthStatus: 200 };
    begun.resolve();
    return { state: 'starting' };
  };
  at.ask('https://hub.docker.com/old');
  await begun.promise;
  // The same again is no reason.
  at.ask();
  for (let turn = 0; turn < 100; turn += 1) await setImmediate();
  assert.equal(at.told.length, 0);
  at.agent.registry.set(image, digest(2));
  at.ask('https://hub.docker.com/new');
  await at.looks.rest(at.app().id);
  assert.deepEqual([at.live()?.version, await at.file()], [1, `image: ${image}@${digest(2)}`]);
  assert.deepEqual(
    at.told.map(([url, { state, description }]) => [url.slice(-3), state, description]),
    [
      ['old', 'failure', `superseded: ${image} is ${digest(2)} by now`],
      ['new', 'success', 'v1 is live'],
    ],
  );
  const changes = listChanges(at.world.database, at.app().id, null, 10);
  assert.deepEqual(
    changes.map(({ state, reason }) => [state, reason]),
    [
      ['landed', null],
      ['superseded', `${image} is ${digest(2)} by now`],
    ],
  );
});

test('who pushes without a pause gets something live all the same', async () => {
  using at = await stand();
  let pushes = 0;
  at.agent.boot = () => {
    pushes += 1;
    if (pushes > 4) return { state: 'healthy', healthStatus: 200 };
    at.agent.registry.set(image, digest(pushes + 1));
    setTimeout(() => at.ask(), 0);
    // The fourth is let be: it is too slow for nobody.
    return pushes < 4 ? { state: 'starting' } : { state: 'healthy', healthStatus: 200 };
  };
  at.ask();
  await at.looks.rest(at.app().id);
  assert.deepEqual(
    at.looked().map(([outcome]) => outcome),
    ['failed', 'failed', 'failed', 'landed', 'landed'],
  );
  assert.equal(await at.file(), `image: ${image}@${digest(5)}`);
});

test('a registry that does not answer is asked again, and one that refuses is not', async () => {
  using at = await stand();
  let questions = 0;
  at.agent.beforeRegistry = () => {
    questions += 1;
    if (questions < 3) throw fail('registry-away', 'connection refused');
  };
  at.ask();
  await at.looks.rest(at.app().id);
  assert.equal(at.live()?.version, 1);
  at.agent.beforeRegistry = () => {
    questions += 1;
    throw fail('registry-away', 'connection refused');
  };
  questions = 0;
  at.ask();
  await at.looks.rest(at.app().id);
  assert.equal(questions, 3);
  at.agent.beforeRegistry = () => {};
  at.agent.registry.clear();
  at.ask();
  await at.looks.rest(at.app().id);
  assert.deepEqual(
    at.looked().map(([outcome]) => outcome),
    ['landed', 'failed', 'failed'],
  );
  assert.equal(at.live()?.version, 1);
});

test('what was asked for survives a restart', async () => {
  using at = await stand();
  askForLook(at.world.database, at.app().id, { id: 'before', actor: 'hook hub', callbackUrl: null });
  const looks = new ImageLooks(at.place.restart(), { answer: async () => {} });
  looks.takeUp();
  await looks.rest(at.app().id);
  assert.equal(at.live()?.version, 1);
});

test('after a deploy the app’s command runs as what is live, with what went live in its environment', async () => {
  using at = await stand();
  const jobs: JobSpec[] = [];
  at.agent.job = (spec) => {
    jobs.push(spec);
    return { exitCode: 3, outputTail: ['one', 'hunter2 \u001b[31m'] };
  };
  await assert.rejects(
    async () => changeAfterCommand(at.world, at.place.owner, await at.place.createApp('none'), ['x']),
    /follows no image/,
  );
  changeAfterCommand(at.world, at.place.owner, at.app(), ['sh', '-c', 'echo done']);
  storeConfig(at.world, at.app(), { PASSWORD: 'hunter2' }, 'owner');
  at.ask();
  await at.looks.rest(at.app().id);
  const after = () =>
    listEvents(at.world.database, at.place.owner, at.app().id, 0, 1000).filter(({ type }) => type === 'image.after');
  for (const end = performance.now() + 20_000; after().length === 0 && performance.now() < end; ) await setImmediate();
  const [job] = jobs;
  assert.deepEqual([job?.identity, job?.kind, job?.command], ['live', 'run', { argv: ['sh', '-c', 'echo done'] }]);
  const { REPOSITORY_NAME, REPOSITORY_NAMESPACE, REPOSITORY_REPO_NAME, REPOSITORY_TAG, REPOSITORY_IMAGE, PASSWORD } =
    job!.env;
  assert.deepEqual(
    [REPOSITORY_NAME, REPOSITORY_NAMESPACE, REPOSITORY_REPO_NAME, REPOSITORY_TAG, REPOSITORY_IMAGE, PASSWORD],
    ['web', 'team', 'team/web', 'latest', `${image}@${digest(1)}`, 'hunter2'],
  );
  assert.deepEqual(
    after().map(({ data }) => [data.exitCode, data.endedBy, data.said]),
    [[3, 'exit', ['one', '[redacted] ?[31m']]],
  );
  changeAfterCommand(at.world, at.place.owner, at.app(), null);
  at.agent.registry.set(image, digest(2));
  at.ask();
  await at.looks.rest(at.app().id);
  assert.equal(jobs.length, 1);
});

test('the engine is told who we are to the registry, and nobody else is', async () => {
  using at = await stand();
  setRegistry(at.world, at.place.owner, { host: 'ghcr.io', username: 'ann', password: 'hunter2' });
  at.ask();
  await at.looks.rest(at.app().id);
  assert.deepEqual(
    at.agent.pulled.map(({ login }) => login?.password),
    ['hunter2'],
  );
  const said = JSON.stringify([
    at.place.logged,
    listEvents(at.world.database, at.place.owner, null, 0, 1000),
    at.agent.documents,
  ]);
  assert.ok(!said.includes('hunter2'));
});

test('an app that is deployed from its repository is not made an image behind its back', async () => {
  using at = await stand();
  await at.place.createApp('blog');
  const blog = at.place.app('blog');
  at.agent.engineLook = { state: 'absent', socket: '', why: 'none', advice: '' };
  await at.place.land(blog, await at.place.commit(blog, { 'index.html': 'hello' }, null), null);
  await assert.rejects(beginImageDeploy(at.world, at.place.app('blog'), parseImageReference(image), 'owner'), (error) =>
    isFailure(error, 'conflict'),
  );
});

test('of lockstep.yml only the line of the image is another', () => {
  const name = imageText(parseImageReference(`${image}@${digest(9)}`));
  const old = imageText(parseImageReference(`${image}@${digest(8)}`));
  assert.equal(withImageLine(null, name), `image: ${name}\n`);
  assert.equal(withImageLine(`# ours\nimage: ${old}\nhealth: /up\n`, name), `# ours\nimage: ${name}\nhealth: /up\n`);
  for (const text of [`{"image": "${old}"}`, `image: >-\n  ${old}\n`, `"image": ${old}\n`])
    assert.throws(
      () => withImageLine(text, name),
      (error) => isFailure(error, 'bad-config'),
      text,
    );
});
