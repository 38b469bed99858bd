// docker-hook's scenario, on a real engine, a real registry, its real notifications and docker's own client: an app that is an image follows its
// tag. One Lockstep for all of it.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { containerJourney } from './support/container-journey.ts';
import { tryLive } from './support/developers-machine.ts';
import { engineTest } from './support/engine.ts';
import { PageWatch } from './support/page-watch.ts';
import { account, freePort, TestRegistry } from './support/registry.ts';
import { SecondEngine } from './support/second-engine.ts';
import { type Json, Stage, until } from './support/stage.ts';
import { tinySite } from './support/tiny-site.ts';

/** Docker Hub's end of it: what it is told. */
async function hubCallbacks() {
  const told: Json[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    told.push(JSON.parse(text));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const next = async (): Promise<Json> => {
    await until(
      async () => told.length > 0,
      60_000,
      () => 'the sender was not told',
    );
    return told.shift();
  };
  return {
    ...{ origin, next },
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

engineTest(
  'an image that is pushed goes live by its registry’s word, and what is no true word changes nothing',
  { own: true },
  async (socket) => {
    using hub = await hubCallbacks();
    await using stage = await Stage.open({ LOCKSTEP_ENGINE: socket, LOCKSTEP_CALLBACKS: hub.origin });
    const port = await freePort();
    const image = `127.0.0.1:${port}/team/web:latest`;

    const made = await stage.lockstep(['create', 'web', '--image', image]);
    assert.equal(made.code, 0, made.stderr);
    const hook = JSON.parse((await stage.lockstep(['hooks', 'create', 'registry', '-a', 'web', '--json'])).stdout);
    // The registry proves itself by a header, which is how Distribution can.
    const notify = { url: hook.url, headers: { Authorization: [`Bearer ${hook.secret}`] } };
    await using registry = await TestRegistry.start({ port, isPrivate: true, notify });

    // Without a login the registry gives nothing, and says so.
    await registry.push(socket, await tinySite(socket, 'page 1\n'), 'team/web:latest');
    const refused = await stage.lockstep(['deploy', 'web', '--json']);
    assert.equal(refused.code, 65, refused.stdout + refused.stderr);
    assert.equal(JSON.parse(refused.stdout).error.code, 'pull-refused');
    const login = ['registry', 'login', registry.host, '--username', account.username, '--password-file', '-'];
    assert.equal((await stage.lockstep(login, { input: account.password })).code, 0);

    // By hand.
    const first = await stage.lockstep(['deploy', 'web']);
    assert.equal(first.code, 0, first.stdout + first.stderr + stage.logs());
    assert.match(first.stdout, /^v1 is live \(127\.0\.0\.1:\d+\/team\/web:latest\) in /);
    assert.equal((await stage.get('web')).body, 'page 1\n');
    assert.match((await stage.lockstep(['deploy', 'web'])).stdout, /is live already/);

    const after = await stage.lockstep([
      'hooks',
      'after',
      '-a',
      'web',
      '--',
      '/bin/busybox',
      'sh',
      '-c',
      'echo "after $REPOSITORY_IMAGE"',
    ]);
    assert.equal(after.code, 0, after.stderr);
    // By docker push alone.
    await using watch = new PageWatch(stage, 'web', /^page (\d+)\n$/);
    await registry.push(socket, await tinySite(socket, 'page 2\n'), 'team/web:latest');
    await until(
      async () => (await stage.get('web')).body === 'page 2\n',
      60_000,
      () => `page 2 is not live\n${stage.logs()}`,
    );
    const status = await stage.inSync('web');
    assert.equal(status.release.version, 2);
    const [hooked] = (await stage.api('/apps/web/changes?limit=1')).body.items;
    assert.deepEqual([hooked.how, hooked.actor, hooked.state], ['image', 'hook registry', 'landed']);

    let ran: Json = null;
    await until(
      async () => {
        const { items } = (await stage.api('/events?limit=200')).body;
        ran = items.find(({ type }: Json) => type === 'image.after');
        return ran !== undefined;
      },
      20_000,
      () => 'nothing ran after the deploy',
    );
    assert.equal(ran.data.exitCode, 0, JSON.stringify(ran.data));
    assert.match(ran.data.said.join(), /^after 127\.0\.0\.1:\d+\/team\/web:latest@sha256:[0-9a-f]{64}$/);

    // By Docker Hub, who hears how it ended. A tag that moves while nobody says so is not looked at.
    let pushedAt = 1_417_566_161;
    const hubNotice = () => ({
      callback_url: `${hub.origin}/u/team/web/hook/1/`,
      push_data: { pushed_at: ++pushedAt, pusher: 'ann', tag: 'latest' },
      repository: { repo_name: 'team/web' },
    });
    const send = async (body: string, headers: Record<string, string> = {}, path = hook.secretPath) => {
      const answer = await fetch(`${stage.ready.url}${path}`, {
        ...{ method: 'POST', body },
        headers: { 'content-type': 'application/json', ...headers },
      });
      const text = await answer.text();
      assert.match(answer.headers.get('content-type') ?? '', /json/, `${text}\n${stage.logs()}`);
      return { status: answer.status, body: JSON.parse(text) as Json };
    };
    const notice = JSON.stringify(hubNotice());
    assert.equal((await send(notice)).status, 202);
    assert.deepEqual(await hub.next(), {
      ...{ state: 'success', context: 'Lockstep', target_url: `http://web.localhost:${stage.port}` },
      description: `${image} is live already`,
    });

    // One that never answers is not what visitors get, and its sender hears the truth.
    await registry.push(socket, await tinySite(socket, 'page 3\n', 'echo it broke >&2; exit 3'), 'team/web:latest');
    await until(
      async () => (await stage.lastChange('web'))?.state === 'rejected',
      60_000,
      () => 'the broken image was not rejected',
    );
    assert.equal((await send(JSON.stringify(hubNotice()))).status, 202);
    const said = await hub.next();
    assert.equal(said.state, 'failure');
    assert.match(said.description, /exit|boot/);
    assert.equal((await stage.get('web')).body, 'page 2\n');

    // Replayed, forged, unknown, too large, of another kind, about something else.
    const before = (await stage.api('/apps/web/changes?limit=50')).body.items.length;
    assert.deepEqual((await send(notice)).body.outcome, 'seen');
    const other = `/hooks/web/lsh_${'A'.repeat(64)}`;
    for (const path of [
      other,
      hook.path,
      '/hooks/nobody/x',
      `/hooks/nobody${hook.secretPath.slice('/hooks/web'.length)}`,
    ])
      assert.equal((await send(JSON.stringify(hubNotice()), {}, path)).status, 401, path);
    assert.equal((await send(notice, { 'x-hub-signature-256': 'sha256=00' })).status, 401);
    assert.equal((await send('x'.repeat(2 * 1024 * 1024))).status, 413);
    assert.equal((await send(notice, { 'content-type': 'text/plain' })).status, 400);
    assert.equal((await send('{}')).status, 400);
    assert.equal(
      (await send(JSON.stringify({ image: 'evil.example/team/web', tag: 'latest' }))).body.outcome,
      'ignored',
    );
    assert.equal((await send(JSON.stringify({ image: 'team/web', tag: 'other' }))).body.outcome, 'ignored');
    assert.equal((await stage.api('/apps/web/changes?limit=50')).body.items.length, before);

    // Two in quick succession: the newer one is live, without waiting for one that never answers, whose sender hears what became of it.
    assert.equal((await stage.lockstep(['create', 'swift', '--image', `127.0.0.1:${port}/team/swift`])).code, 0);
    const swift = JSON.parse((await stage.lockstep(['hooks', 'create', 'hub', '-a', 'swift', '--json'])).stdout);
    const sendSwift = async () => {
      const word = { ...hubNotice(), repository: { repo_name: 'team/swift' } };
      word.callback_url += `${word.push_data.pushed_at}/`;
      return (await send(JSON.stringify(word), {}, swift.secretPath)).status;
    };
    const silent = await tinySite(socket, 'page 5\n', '/bin/busybox sleep 600');
    await registry.push(socket, silent, 'team/swift:latest');
    assert.equal(await sendSwift(), 202);
    await until(
      async () => (await stage.status('swift')).instances.some(({ pid }: Json) => pid !== null),
      60_000,
      () => `the silent image was not started\n${stage.logs()}`,
    );
    const newer = await registry.push(socket, await tinySite(socket, 'page 6\n'), 'team/swift:latest');
    assert.equal(await sendSwift(), 202);
    const [passedBy, wentLive] = [await hub.next(), await hub.next()];
    assert.deepEqual(
      [passedBy.state, passedBy.description],
      ['failure', `superseded: 127.0.0.1:${port}/team/swift:latest is ${newer} by now`],
    );
    assert.deepEqual([wentLive.state, wentLive.description], ['success', 'v1 is live']);
    assert.equal((await stage.get('swift')).body, 'page 6\n');
    const ofSwift = (await stage.api('/apps/swift/changes?limit=5')).body.items;
    assert.deepEqual(
      ofSwift.map(({ state }: Json) => state),
      ['landed', 'superseded'],
    );

    // Back, without the registry.
    await registry[Symbol.asyncDispose]();
    const away = await stage.lockstep(['deploy', 'web', '--json']);
    assert.deepEqual([away.code, JSON.parse(away.stdout).error.code], [75, 'registry-away']);
    const problems = watch.problems();
    assert.deepEqual(problems, []);
    await watch[Symbol.asyncDispose]();
    const back = await stage.lockstep(['rollback', 'v1', '-a', 'web']);
    assert.equal(back.code, 0, back.stderr);
    assert.equal((await stage.get('web')).body, 'page 1\n');

    const secrets = [hook.secret, account.password];
    const everything = [
      stage.logs(),
      stage.upStderr,
      JSON.stringify((await stage.api('/events?limit=200')).body),
      (await stage.lockstep(['hooks', '-a', 'web', '--json'])).stdout,
      (await stage.lockstep(['registry', '--json'])).stdout,
    ].join('\n');
    for (const secret of secrets) assert.ok(!everything.includes(secret), 'a secret is in what people are shown');
  },
);

containerJourney(
  'docker push to the registry of one’s own deploys, for who may and for nobody else',
  async ({ stage, socket }) => {
    for (const app of ['site', 'other']) assert.equal((await stage.lockstep(['create', app, '--no-remote'])).code, 0);
    const host = `127.0.0.1:${stage.port}`;
    const config = join(stage.folder, 'docker');
    const docker = (words: string[], input = '') =>
      stage.run(['docker', '--config', config, '--host', `unix://${socket}`, ...words], { input });
    const tokenFor = async (name: string, ...words: string[]) =>
      (await stage.lockstep(['tokens', 'create', name, ...words])).stdout.trim();
    const basic = (secret: string) => ({ authorization: `Basic ${Buffer.from(`any:${secret}`).toString('base64')}` });
    const accept = 'application/vnd.docker.distribution.manifest.v2+json';
    const manifest = (method: string, reference: string) =>
      fetch(`${stage.ready.url}/v2/site/manifests/${reference}`, {
        method,
        headers: { ...basic(stage.token), accept },
      });
    const login = (token: string) => docker(['login', '--username', 'any', '--password-stdin', host], token);
    const push = async (image: string, name: string) => {
      // Kept by a name of its own: without one it goes with the name that it is pushed by.
      for (const tag of [`kept:${image.slice(-12)}`, `${host}/${name}`])
        assert.equal((await docker(['tag', image, tag])).code, 0);
      const pushed = await docker(['push', `${host}/${name}`]);
      await docker(['rmi', `${host}/${name}`]);
      return pushed;
    };
    await until(
      async () => (await fetch(`${stage.ready.url}/v2/`)).status === 401,
      20_000,
      () => 'there is no registry',
    );

    assert.notEqual((await login('lst_wrong')).code, 0);
    const first = await tinySite(socket, 'page 1\n');
    assert.match((await push(first, 'site:latest')).stderr, /unauthorized|denied|no basic auth/);
    const ci = await tokenFor('ci', '--rights', 'read,deploy', '--apps', 'site');
    const signedIn = await login(ci);
    assert.equal(signedIn.code, 0, signedIn.stderr);

    const pushed = await push(first, 'site:latest');
    assert.equal(pushed.code, 0, pushed.stderr + stage.logs());
    await until(
      async () => (await stage.get('site')).body === 'page 1\n',
      60_000,
      () => `page 1 is not live\n${stage.logs()}`,
    );
    const change = await stage.lastChange('site');
    assert.deepEqual([change.how, change.actor, change.state], ['image', 'ci', 'landed']);
    const [{ image }] = (await stage.api('/apps')).body.items.filter(({ name }: Json) => name === 'site');
    assert.equal(image, `${host}/site:latest`);

    await using watch = new PageWatch(stage, 'site', /^page (\d+)\n$/);
    const digestAt = async (tag: string) =>
      (await manifest('HEAD', tag)).headers.get('docker-content-digest') ?? 'none';
    const firstDigest = await digestAt('latest');
    const second = await tinySite(socket, 'page 2\n');
    assert.equal((await push(second, 'site:latest')).code, 0);
    await until(
      async () => (await stage.get('site')).body === 'page 2\n',
      60_000,
      () => `page 2 is not live\n${stage.logs()}`,
    );
    assert.deepEqual(watch.problems(), []);
    await watch[Symbol.asyncDispose]();

    // Another tag is kept, and not deployed; another app is not this token's.
    assert.equal((await push(first, 'site:draft')).code, 0);
    assert.notEqual((await push(first, 'other:latest')).code, 0);
    assert.notEqual((await push(first, 'nobody:latest')).code, 0);
    assert.equal((await docker(['pull', `${host}/site:draft`])).code, 0);
    await docker(['rmi', `${host}/site:draft`]);
    assert.equal((await stage.get('site')).body, 'page 2\n');

    // No tag names it any more, and a rollback may: it is kept.
    const tidied = await stage.lockstep(['registry', 'tidy']);
    assert.equal(tidied.code, 0, tidied.stderr);
    assert.equal((await manifest('HEAD', firstDigest)).status, 200);

    // Anybody pulls what is public, and pushes nothing.
    assert.equal((await docker(['logout', host])).code, 0);
    assert.notEqual((await docker(['pull', `${host}/site:draft`])).code, 0);
    assert.equal((await stage.lockstep(['registry', 'public', 'site'])).code, 0);
    const anonymous = await docker(['pull', `${host}/site:draft`]);
    assert.equal(anonymous.code, 0, anonymous.stderr);
    await docker(['rmi', `${host}/site:draft`]);
    assert.notEqual((await push(first, 'site:latest')).code, 0);
    assert.equal((await stage.lockstep(['registry', 'private', 'site'])).code, 0);

    // More than it may be is told to who pushes.
    assert.equal((await login(ci)).code, 0);
    assert.equal((await stage.lockstep(['registry', 'quota', '1MB', '-a', 'site'])).code, 0);
    assert.match((await push(await tinySite(socket, 'page 4\n'), 'site:large')).stderr, /quota: the images of site/);
    assert.equal((await stage.lockstep(['registry', 'quota', 'usual', '-a', 'site'])).code, 0);

    // Who may read pulls, and does not push; a token that is revoked is dead, its pass too.
    assert.equal((await login(await tokenFor('reader', '--rights', 'read'))).code, 0);
    assert.equal((await docker(['pull', `${host}/site:latest`])).code, 0);
    assert.notEqual((await push(first, 'site:latest')).code, 0);

    // On a developer's machine, with what docker login has written there.
    {
      await using second = await SecondEngine.start(join(stage.folder, 'second'), socket);
      await tryLive(stage, second.socket, { app: 'site', image: `${host}/site:latest`, page: 'page 2\n', config });
    }
    const scope = 'service=lockstep&scope=repository:site:pull,push';
    const { token: pass } = (await (
      await fetch(`${stage.ready.url}/v2/token?${scope}`, { headers: basic(ci) })
    ).json()) as Json;
    const ask = async (method: string, path: string) =>
      (await fetch(`${stage.ready.url}/v2/${path}`, { method, headers: { authorization: `Bearer ${pass}` } })).status;
    assert.equal(await ask('GET', 'site/tags/list'), 200);
    assert.equal(await ask('GET', 'other/tags/list'), 401);
    assert.equal(await ask('GET', '_catalog'), 404);
    // Killed, it is started again; what it holds stays.
    const registryPid = () =>
      JSON.parse(readFileSync(join(stage.home, 'registry', 'process.json'), 'utf8')).pid as number;
    const killed = registryPid();
    process.kill(killed, 'SIGKILL');
    await until(
      async () => (await ask('GET', 'site/tags/list')) === 200,
      20_000,
      () => 'the registry did not come back',
    );
    assert.notEqual(registryPid(), killed);
    assert.equal((await stage.lockstep(['tokens', 'revoke', 'ci'])).code, 0);
    assert.equal(await ask('GET', 'site/tags/list'), 401);

    // Only control opens the registry's socket.
    const sock = statSync(join(stage.home, 'registry', 'sock'));
    assert.equal(sock.mode & 0o777, 0o600);
    // What is deleted is freed when it is tidied, and stays away.
    const blobs = () =>
      globSync('sha256/*/*/data', { cwd: join(stage.home, 'registry', 'data', 'docker', 'registry', 'v2', 'blobs') })
        .length;
    const draft = (await manifest('HEAD', 'draft')).headers.get('docker-content-digest');
    assert.equal((await manifest('DELETE', draft!)).status, 202);
    const before = blobs();
    assert.equal((await stage.lockstep(['registry', 'tidy'])).code, 0);
    assert.equal(blobs(), before - 3, 'a manifest, its config and its layer');
    const last = registryPid();
    assert.equal(await stage.down(), 0);
    assert.equal(existsSync(`/proc/${last}`), false);
    await stage.up({ LOCKSTEP_ENGINE: socket, LOCKSTEP_REGISTRY: 'on' });
    await until(
      async () => (await manifest('HEAD', 'latest')).status === 200,
      20_000,
      () => 'the registry is not back',
    );
    assert.equal((await manifest('HEAD', 'draft')).status, 404);
    assert.equal(blobs(), before - 3);
  },
  { LOCKSTEP_REGISTRY: 'on' },
);
