// The journeys that hold whatever an app runs in, as one list: each test file of them gives its runtime and takes them in its own order (each begins
// where the one before it ended). Where runtimes may differ, the app says which it has.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { problemsAtRest } from './oracles.ts';
import { root, Stage, until } from './stage.ts';

const app = 'guestbook';
const configFile = 'guestbook/config.py';

/** What an app needs to run in it, besides what every app has. */
export type JourneyRuntime = {
  /** The socket of its engine; null: processes of the machine. */
  engine: string | null;
  /** Files that the example gets; `lockstep.yml` is added to its own. */
  files: Readonly<Record<string, string>>;
  /** A site of files alone, to be its neighbour; `shell` is what its commands are given to. */
  neighbour: { files: Record<string, string>; shell: readonly string[] };
};

/** The example, on a Lockstep of its own. */
export class Guestbook implements AsyncDisposable {
  readonly stage: Stage;
  readonly work: string;
  readonly runtime: JourneyRuntime;

  private constructor(stage: Stage, work: string, runtime: JourneyRuntime) {
    this.stage = stage;
    this.work = work;
    this.runtime = runtime;
  }

  static async open(runtime: JourneyRuntime): Promise<Guestbook> {
    const stage = await Stage.open(runtime.engine === null ? {} : { LOCKSTEP_ENGINE: runtime.engine });
    try {
      const work = await stage.makeApp(app, join(root, 'examples', 'flask-guestbook'));
      if (Object.keys(runtime.files).length > 0) {
        stage.write(work, runtime.files);
        await stage.commit(work, 'what it runs in');
      }
      return new Guestbook(stage, work, runtime);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  setHeadline(text: string): Promise<string> {
    return this.stage.edit(this.work, configFile, /^HEADLINE = .*$/m, `HEADLINE = "${text}"`);
  }

  /** What must not change when a change is refused. */
  async standing() {
    const { stage, work } = this;
    const page = await stage.get(app);
    const main = (await stage.git(work, 'ls-remote', 'lockstep', 'refs/heads/main')).stdout;
    const status = await stage.status(app);
    return { body: page.body, release: page.headers['x-lockstep-release'], main, live: status.release };
  }

  async undo(): Promise<void> {
    await this.stage.git(this.work, 'reset', '-q', '--hard', 'HEAD~1');
  }

  /** Of a refused candidate: no ref, no instance, no route, no process, no copy. */
  async nothingIsLeft(): Promise<void> {
    const { stage } = this;
    await until(
      async () => (await stage.status(app)).instances.length === 1,
      20_000,
      () => 'an instance of a refused candidate is left',
    );
    const { body } = await stage.api(`/apps/${app}`);
    const repository = join(stage.home, 'control', 'repos', `${body.id}.git`);
    const refs = (await stage.run(['git', `--git-dir=${repository}`, '-c', 'safe.directory=*', 'for-each-ref'])).stdout;
    assert.match(refs, /^\w+ commit\trefs\/heads\/main\n(?:\w+ commit\trefs\/notes\/lockstep\n)?$/);
    await until(
      () => readdirSync(join(stage.home, 'apps', body.id, 'gate', 'copies')).length === 0,
      10_000,
      () => 'a gate copy is left',
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stage[Symbol.asyncDispose]();
  }
}

/** Journeys by what they say. */
export const journeys = {
  'the first push goes live, with its checks shown and its page served': async (there) => {
    const { stage, work } = there;
    const said = await stage.deploy(work);
    assert.match(said, /remote: style ok/);
    assert.match(said, /remote: tests ok/);
    assert.match(said, /remote: live: http:\/\/guestbook\.localhost:\d+ \(v1\)/);
    const page = await stage.get(app);
    assert.equal(page.status, 200);
    assert.match(page.body, /<h1>Guestbook/);
    assert.equal(page.headers['x-lockstep-release'], 'v1');
    const status = await stage.lockstep(['status', '-a', app, '--json']);
    assert.equal(status.code, 0);
    const { state, main, release, router } = JSON.parse(status.stdout);
    assert.deepEqual([state, release.version, router.release], ['IN SYNC', 1, 'v1']);
    assert.equal(main.commit, (await stage.git(work, 'rev-parse', 'HEAD')).stdout.trim());
  },

  'a change of one line goes live': async (there) => {
    const { stage, work } = there;
    const commit = await there.setHeadline('Second');
    await stage.deploy(work);
    assert.match((await stage.get(app)).body, /<h1>Second/);
    const { release } = await stage.inSync(app);
    assert.deepEqual([release.version, release.commit], [2, commit]);
  },

  'a style finding on a changed line is refused with its place, and nothing moves': async (there) => {
    const { stage, work } = there;
    const before = await there.standing();
    await stage.edit(work, configFile, /$/, '\nimport os,sys\n');
    const pushed = await stage.push(work);
    assert.equal(pushed.code, 1);
    assert.match(pushed.stderr, /remote: style FAILED [\d.]+s: guestbook\/config\.py:\d+ E/);
    assert.match(pushed.stderr, /! \[remote rejected\] main -> main \(gate: style/);
    assert.deepEqual(await there.standing(), before);
    await there.nothingIsLeft();
    const again = await stage.push(work);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /this tree was checked before/);
    const change = await stage.lastChange(app);
    assert.deepEqual([change.state, change.isMemoised], ['rejected', true]);
    await there.undo();
  },

  'a change that fails a test is refused with the test, and nothing moves': async (there) => {
    const { stage, work } = there;
    const before = await there.standing();
    await stage.edit(work, 'guestbook/entries.py', /return /, 'return None and ');
    const pushed = await stage.push(work);
    assert.equal(pushed.code, 1);
    assert.match(pushed.stderr, /remote: tests FAILED [\d.]+s(?: in the image)?: tests\/test_\w+\.py/);
    assert.deepEqual(await there.standing(), before);
    await there.nothingIsLeft();
    await there.undo();
  },

  'config makes a release of the same artifact; config that breaks the start changes nothing': async (there) => {
    const { stage } = there;
    const before = await stage.status(app);
    const set = await stage.lockstep(['config', 'set', 'MOOD=sunshine', '-a', app, '--json']);
    assert.equal(set.code, 0, set.stderr);
    const now = await stage.inSync(app);
    assert.equal(now.release.version, before.release.version + 1);
    assert.equal(now.release.artifact, before.release.artifact);
    assert.deepEqual(now.main, before.main);
    const shown = await stage.lockstep([
      'run',
      '-a',
      app,
      '--',
      'python',
      '-c',
      'import os; print(os.environ["MOOD"], os.getuid())',
    ]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, process.getuid?.() === 0 ? /^sunshine 4\d{4}$/m : /^sunshine/m);
    const listed = (await stage.api(`/apps/${app}/config`)).body;
    assert.deepEqual(listed.entries, { MOOD: null });

    const broken = await stage.lockstep(['config', 'set', 'PYTHONHOME=/nonexistent', '-a', app]);
    assert.equal(broken.code === 0, false);
    const after = await stage.inSync(app);
    assert.equal(after.release.version, now.release.version);
    assert.deepEqual((await stage.api(`/apps/${app}/config?reveal=true`)).body.entries, { MOOD: 'sunshine' });
    const run = await stage.lockstep(['run', '-a', app, '--', 'sh', '-c', 'exit 7']);
    assert.equal(run.code, 7);
  },

  'rollback lands a revert commit: main and live stay equal, and the next stale push says git pull': async (there) => {
    const { stage, work } = there;
    const earlier = (await stage.api(`/apps/${app}/releases`)).body.items.find(
      (one: { version: number }) => one.version === 2,
    );
    const rolled = await stage.lockstep(['rollback', 'v2', '-a', app, '--json']);
    assert.equal(rolled.code, 0, rolled.stderr);
    const status = await stage.inSync(app);
    assert.equal(status.main.tree, earlier.tree);
    assert.notEqual(status.main.commit, earlier.commit);
    assert.match((await stage.get(app)).body, /<h1>Second/);
    const change = await stage.lastChange(app);
    assert.deepEqual([change.how, change.state, change.isMemoised], ['rollback', 'landed', true]);
    await there.setHeadline('Stale');
    const pushed = await stage.push(work);
    assert.equal(pushed.code, 1);
    assert.match(pushed.stderr, /git pull/);
    const forced = await stage.push(work, '--force', 'main');
    assert.equal(forced.code, 1);
    assert.match(forced.stderr, /main is never forced/);
    const deleted = await stage.push(work, ':main');
    assert.match(deleted.stderr, /cannot be deleted/);
    await stage.git(work, 'fetch', '-q', 'lockstep');
    await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
    const same = await stage.lockstep(['rollback', 'v2', '-a', app]);
    assert.notEqual(same.code, 0);
  },

  'an instance that crashes later is started again, and the ledger says so': async (there) => {
    const { stage } = there;
    const [instance] = (await stage.inSync(app)).instances;
    process.kill(instance.pid, 'SIGKILL');
    await until(
      async () => {
        const [now] = (await stage.status(app)).instances;
        return now?.state === 'healthy' && now.pid !== instance.pid;
      },
      30_000,
      () => 'it was not started again',
    );
    assert.equal((await stage.get(app)).status, 200);
    const { body } = await stage.api(`/apps/${app}/events?after=0&limit=200`);
    assert.ok(body.items.some((event: { type: string }) => event.type === 'instance.crashed'));
  },

  'a neighbour reads nothing of its volume, and ends nothing of it': async ({ stage, runtime }) => {
    const kept = await stage.lockstep([
      'run',
      '-a',
      app,
      '--',
      'sh',
      '-c',
      'echo treasure > "$LOCKSTEP_VOLUME_DATA/chest"',
    ]);
    assert.equal(kept.code, 0, kept.stderr);
    await stage.deploy(await stage.makeApp('neighbour', runtime.neighbour.files));
    const { id } = (await stage.api(`/apps/${app}`)).body;
    const chest = join(stage.home, 'apps', id, 'volumes', 'data', 'chest');
    assert.equal(readFileSync(chest, 'utf8'), 'treasure\n');
    const [{ pid }] = (await stage.inSync(app)).instances;
    const asNeighbour = (line: string) =>
      stage.lockstep(['run', '-a', 'neighbour', '--', ...runtime.neighbour.shell, line]);
    const own = await asNeighbour('echo it runs');
    assert.match(own.stdout, /it runs/, own.stderr);
    const read = await asNeighbour(`read line < '${chest}' && echo "$line"`);
    assert.notEqual(read.code, 0);
    assert.doesNotMatch(read.stdout + read.stderr, /treasure/);
    assert.notEqual((await asNeighbour(`kill -9 ${pid}`)).code, 0);
    assert.equal((await stage.inSync(app)).instances[0].pid, pid);
    const destroyed = await stage.lockstep(['destroy', '-a', 'neighbour', '--yes', '--volumes']);
    assert.equal(destroyed.code, 0, destroyed.stderr);
  },

  'destroy asks for the name, and then nothing of the app is left but its volumes': async (there) => {
    const { stage, runtime } = there;
    const { body } = await stage.api(`/apps/${app}`);
    const [instance] = (await stage.status(app)).instances;
    assert.notEqual((await stage.lockstep(['destroy', '-a', app])).code, 0);
    const destroyed = await stage.lockstep(['destroy', '-a', app, '--yes']);
    assert.equal(destroyed.code, 0, destroyed.stderr);
    assert.equal((await stage.get(app)).status, 404);
    assert.equal((await stage.api(`/apps/${app}`)).status, 404);
    const folder = join(stage.home, 'apps', body.id);
    await until(
      () => readdirSync(folder).join() === 'volumes',
      60_000,
      () => `left: ${readdirSync(folder).join()}`,
    );
    assert.throws(() => process.kill(instance.pid, 0));
    assert.deepEqual(await problemsAtRest(stage, { engine: runtime.engine }), []);
  },
} satisfies Record<string, (there: Guestbook) => Promise<void>>;
export type JourneyName = keyof typeof journeys;
