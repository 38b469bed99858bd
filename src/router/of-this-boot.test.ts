// After a power failure: the routes on disk may lack what was written last, and whom they name is dead. Nothing of it is served.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from './client.ts';
import { loadSnapshot } from './snapshot-file.ts';
import { startRouter } from './start-router.ts';
import { ask, routeOf, snapshotOf, testRouter } from './test-router.ts';

/** A home on which routers of one boot or another live, each with its client. */
async function place() {
  const home = await mkdtemp(join(tmpdir(), 'lockstep-boot-'));
  return {
    home,
    file: join(home, 'router', 'snapshot.json'),
    async start(boot: string) {
      const running = await startRouter({ home, port: 0, bindAddress: '127.0.0.1', identity: null, log() {}, boot });
      const client = createRouterClient(join(home, 'run', 'router.sock'));
      return { client, page: () => ask(running.port, '/'), [Symbol.asyncDispose]: () => running.close(0) };
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true }),
  };
}

/** Instances that say who they are, and count who asked. */
async function instances() {
  const others = await testRouter();
  const asked = { old: 0, new: 0 };
  const make = async (name: 'old' | 'new') => {
    const { at } = await others.upstream(name, (_request, response) => {
      asked[name] += 1;
      response.end(name);
    });
    return routeOf({ upstreams: [at], releaseLabel: name === 'old' ? 'v1' : 'v2' });
  };
  const [old, next] = [await make('old'), await make('new')];
  return { asked, old, next, [Symbol.asyncDispose]: () => others[Symbol.asyncDispose]() };
}

test('after a power failure no older release is served: requests wait until the agent has sent the routes', async () => {
  await using here = await place();
  await using apps = await instances();
  const { asked, old, next } = apps;
  {
    await using router = await here.start('one');
    await router.client.putSnapshot(snapshotOf(1, [old]));
    await router.client.putSnapshot(snapshotOf(2, [next]));
    assert.equal((await router.page()).body, 'new');
  }
  const [whole, previous] = [await readFile(here.file), await readFile(`${here.file}.previous`)];
  const lines = whole.toString().split('\n');
  const lost = Buffer.from(`${lines.slice(0, 2).join('\n')}\n`);
  // The last change whole, half of it, or with it what was to follow in the previous file.
  const left: [Buffer, Buffer, number][] = [
    [lost, previous, 1],
    [whole.subarray(0, lost.length + 100), previous, 1],
    [lost, lost, 1],
    [whole, previous, 2],
  ];
  for (const [file, before, generation] of left) {
    await writeFile(here.file, file);
    await writeFile(`${here.file}.previous`, before);
    assert.equal((await loadSnapshot(here.file)).snapshot?.generation, generation);
    await using router = await here.start(`two ${file.length}`);
    asked.new = 0;
    asked.old = 0;
    const waiting = router.page();
    const { routes } = await router.client.routes(['blog.localhost']);
    assert.partialDeepStrictEqual(routes['blog.localhost'], { state: 'starting', upstreams: [] });
    assert.equal((await router.client.hello()).generation, generation);
    await router.client.putSnapshot(snapshotOf(generation + 1, [next]));
    assert.equal((await waiting).body, 'new');
    assert.deepEqual(asked, { old: 0, new: 1 });
  }
});

test('in the same boot a router serves what it has at once, also before the agent has sent anything, and one that has no mark', async () => {
  await using here = await place();
  await using apps = await instances();
  const { old } = apps;
  {
    await using router = await here.start('one');
    await router.client.putSnapshot(snapshotOf(1, [old]));
  }
  assert.deepEqual((await readdir(join(here.home, 'router'))).sort(), ['boot', 'snapshot.json']);
  {
    await using router = await here.start('one');
    assert.equal((await router.page()).body, 'old');
  }
  await rm(join(here.home, 'router', 'boot'));
  {
    await using router = await here.start('two');
    assert.equal((await router.page()).body, 'old');
    await router.client.putSnapshot(snapshotOf(2, [old]));
  }
  await writeFile(join(here.home, 'router', 'boot'), '');
  await using router = await here.start('two');
  const { routes } = await router.client.routes(['blog.localhost']);
  assert.partialDeepStrictEqual(
    routes['blog.localhost'],
    { state: 'starting' },
    'a mark that was lost is none of this boot',
  );
});
