// The app of a checkout on a developer's machine, on a real engine, beside a server that has it live: the same image, the same page, the same
// environment, and nothing left of it.
import assert from 'node:assert/strict';
import { cpSync, createReadStream, createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { askEngine } from '../src/agent/engine/ask.ts';
import { layersOfArchive } from '../src/agent/images/layer-contents.ts';
import { containerJourney, guestbookInImages } from './support/container-journey.ts';
import { localRun } from './support/local-run.ts';
import { pageServer } from './support/page-server.ts';
import { type Json, root, Stage } from './support/stage.ts';

const page = pageServer({
  imports: ['os'],
  defines: 'NAMES = ("WORD", "LOCKSTEP_APP", "LOCKSTEP_RELEASE")',
  text: '" ".join([*(os.environ.get(name, "-") for name in NAMES), str(os.getpid())])',
  address: '("127.0.0.1", int(os.environ["PORT"]))',
  begins: 'print("here", flush=True)',
});

test('an app of processes runs here with what is not committed; what is in the way is told, and nothing is left', async () => {
  await using stage = Stage.bare();
  stage.giveTools();
  const tools = join(stage.home, 'toolchains');
  if (existsSync(tools))
    cpSync(tools, join(stage.folder, 'cache', 'toolchains'), { recursive: true, verbatimSymlinks: true });
  const work = join(stage.folder, 'words');
  const none = { LOCKSTEP_ENGINE: join(stage.folder, 'no-engine.sock') };
  stage.write(stage.folder, { 'local.env': '# values\nexport WORD="of mine"\n' });
  const local = (cwd: string, ...words: string[]) =>
    stage.lockstep(['local', ...words, '--cache', join(stage.folder, 'cache')], { cwd, env: none });
  const nowhere = await local(stage.folder, 'run');
  assert.equal(nowhere.code, 64);
  assert.match(nowhere.stderr, /is not a git work tree/);

  stage.write(work, { 'server.py': page, Procfile: 'web: python3 server.py\n' });
  await stage.git(stage.folder, 'init', '-q', '-b', 'main', work);
  await stage.commit(work, 'first');
  stage.write(work, { 'server.py': page.replace('"here"', '"not committed"') });
  const fileless = await local(work, 'run', '--env-file', 'nowhere.env');
  assert.deepEqual([fileless.code, /nowhere\.env/.test(fileless.stderr)], [64, true], fileless.stderr);
  const run = localRun(stage, work, none, '--env-file', join(stage.folder, 'local.env'));
  const { url, status } = await run.of('ready');
  assert.equal(status, 200);
  const [mine, of, app, release, pid] = (await (await fetch(url)).text()).split(' ');
  assert.deepEqual([mine, of, app, release], ['of', 'mine', 'words', 'local']);
  const port = new URL(url).port;
  const busy = await local(work, 'run', '--port', port);
  assert.equal(busy.code, 73, busy.stderr);
  assert.match(busy.stderr, new RegExp(`the port ${port} of 127\\.0\\.0\\.1 is taken`));
  run.child.kill('SIGINT');
  assert.equal((await run.ended).code, 0, JSON.stringify(run.said));
  assert.ok(run.said.some(({ line }) => line === 'not committed'));
  // Whoever is to reap it may be slow.
  const stat = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : 'gone) Z';
  assert.match(stat, /\) Z/);

  const shell = await local(work, 'shell');
  assert.match(shell.stderr, /there is no image of it to be in/);
  stage.write(work, { Dockerfile: 'FROM scratch\n' });
  const engineless = await local(work, 'run');
  assert.equal(engineless.code, 69, engineless.stderr);
  assert.match(engineless.stderr, /no container engine: there is no \S+no-engine\.sock\n.*apt install docker\.io/);
});

containerJourney(
  'a checkout runs here in the very image that is live, with the same page; what differs is said, and nothing is left',
  async ({ stage, socket, context }) => {
    const env = { LOCKSTEP_ENGINE: socket };
    const source = join(stage.folder, 'source');
    cpSync(join(root, 'examples', 'flask-guestbook'), source, { recursive: true });
    // What takes time, and is another test's.
    rmSync(join(source, 'tests'), { recursive: true });
    const work = await stage.makeApp('guestbook', source);
    stage.write(work, await guestbookInImages());
    await stage.commit(work, 'in an image');
    await stage.lockstep(['config', 'set', '-a', 'guestbook', 'SECRET_WORD=never-leaves-the-server'], { cwd: work });
    await stage.deploy(work);
    const { body: live } = await stage.api('/apps/guestbook/live');
    assert.deepEqual([live.configNames, live.image.isGenerated], [['SECRET_WORD'], true]);
    const inEngine = async (what: string): Promise<Json[]> =>
      JSON.parse((await askEngine(socket, `/${what}`, { timeoutMs: 30_000 })).body);
    // Other tests have theirs in the same engine.
    const labelled = (...labels: string[]) =>
      encodeURIComponent(JSON.stringify({ label: labels.map((one) => `io.lockstep.${one}`) }));
    const cache = join(stage.folder, 'cache');
    const node = () => `node=${readFileSync(join(cache, 'engine', 'agent', 'node-id'), 'utf8').trim()}`;
    const ours = () => inEngine(`containers/json?all=1&filters=${labelled(node())}`);
    const [served] = await inEngine(`containers/json?filters=${labelled(`app=${live.appId}`, 'instance')}`);

    const envFile = join(stage.folder, 'local.env');
    stage.write(stage.folder, { 'local.env': 'ONLY_HERE=yes\n' });
    const run = localRun(stage, work, env, '--env-file', envFile);
    const comparison = await run.of('comparison');
    assert.deepEqual([comparison.isSame, comparison.here, comparison.live], [true, live.image.id, live.image.id]);
    const { url, status } = await run.of('ready');
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(status, 200);
    const page = await fetch(url);
    assert.equal(await page.text(), (await stage.get('guestbook')).body);
    const [one, ...others] = await ours();
    assert.deepEqual(others, []);
    const of = async (id: string): Promise<Json> => inEngine(`containers/${id}/json`);
    const [here, there] = [await of(one.Id), await of(served.Id)];
    assert.equal(here.Image, there.Image);
    const shape = ({ Config, HostConfig }: Json) => ({
      ...{ user: Config.User, argv: [Config.Entrypoint, Config.Cmd], root: HostConfig.ReadonlyRootfs },
      ...{ caps: [HostConfig.CapAdd, HostConfig.CapDrop], security: HostConfig.SecurityOpt, memory: HostConfig.Memory },
      ...{ pids: HostConfig.PidsLimit, init: HostConfig.Init, ports: HostConfig.PortBindings },
      mounts: HostConfig.Mounts.map(({ Target }: Json) => Target),
    });
    // Each machine has users of its own for it.
    assert.deepEqual({ ...shape(here), user: '' }, { ...shape(there), user: '' });
    const names = ({ Config }: Json) => Config.Env.map((one: string) => one.split('=')[0]).sort();
    assert.deepEqual(
      names(here).filter((one: string) => one !== 'ONLY_HERE'),
      names(there).filter((one: string) => one !== 'SECRET_WORD'),
    );
    assert.ok(!JSON.stringify(here).includes('never-leaves'));
    run.child.kill('SIGINT');
    const end = await run.ended;
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stderr, /not set here, but on the server: SECRET_WORD\n/);
    assert.match(end.stderr, /set here, and not on the server: ONLY_HERE/);
    assert.deepEqual((await run.of('end')).isStopped, true);
    assert.deepEqual([await ours(), await inEngine(`networks?filters=${labelled(node())}`)], [[], []]);

    // Not committed, and another image; a command in it has its environment and its own exit code.
    stage.write(work, { 'guestbook/new.py': '"""New."""\n' });
    const script = 'cat guestbook/new.py; echo $PORT $LOCKSTEP_VOLUME_DATA; cat; exit 7';
    const shell = await stage.lockstep(['local', 'shell', '--cache', cache, '--', 'sh', '-c', script], {
      cwd: work,
      env,
      input: 'from outside',
    });
    assert.deepEqual([shell.code, shell.stdout], [7, '"""New."""\n8080 /app/data\nfrom outside'], shell.stderr);
    assert.match(shell.stderr, /and what is not committed/);
    assert.match(shell.stderr, /this is not the image that is live \(v1\)/);
    assert.match(shell.stderr, /tree +\w+ here, \w+ live: guestbook\/new\.py/);
    assert.match(shell.stderr, /dependencies +the same/);
    assert.match(shell.stderr, /base image +python:\S+-slim, the same/);
    assert.match(shell.stderr, /start +the same/);
    assert.deepEqual(await ours(), []);

    const again = await stage.lockstep(['local', 'rebuild', '--json', '--cache', cache], {
      ...{ cwd: work, env },
    });
    context.diagnostic(again.stdout);
    assert.equal(again.code, 0, again.stdout + again.stderr);
    const rebuilt = JSON.parse(again.stdout);
    assert.deepEqual([rebuilt.live, rebuilt.isSameContent], [live.image.id, true], again.stdout);

    // The image of the server, as another machine gets it.
    const runLive = localRun(stage, stage.folder, env, '--live', '-a', 'guestbook');
    const { url: liveUrl } = await runLive.of('ready');
    assert.equal(await (await fetch(liveUrl)).text(), (await stage.get('guestbook')).body);
    // What one that was killed leaves, the next one removes.
    runLive.child.kill('SIGKILL');
    const liveEnd = await runLive.ended;
    assert.match(liveEnd.stderr, new RegExp(`the very image that is live \\(v1\\): ${live.image.id}`));
    assert.equal((await ours()).length, 1);
    const next = ['local', 'shell', '--live', '-a', 'guestbook', '--cache', cache, '--', 'true'];
    const swept = await stage.lockstep(next, { env });
    assert.equal(swept.code, 0, swept.stderr);
    assert.deepEqual(await ours(), []);

    // What an engine that has it not takes from the server.
    const archive = join(stage.folder, 'image.tar');
    const answer = await fetch(`${stage.ready.url}/api/v1/apps/guestbook/live/image`, {
      headers: { authorization: `Bearer ${stage.token}` },
    });
    assert.deepEqual([answer.status, answer.headers.get('etag')], [200, `"${live.image.id}"`]);
    await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(archive));
    assert.equal((await layersOfArchive(createReadStream(archive))).length, live.image.details.layers.length);
  },
);
