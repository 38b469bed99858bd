// Against a real engine: the volume in which the checks of an image find their tools, and what a check, a neighbour or a crash may do to it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { baseImage, engineTest } from '../../../test/support/engine.ts';
import { contextOf } from '../../build/context/context.ts';
import { type AppId, type ImageId, type JobId, makeId } from '../../domain/ids.ts';
import { askEngine } from '../engine/ask.ts';
import { buildImage } from '../engine/build-image.ts';
import { engineAt } from '../engine/engine.ts';
import { labelFilter } from '../engine/labels.ts';
import { openToolVolumes, toolFolder } from './tool-volumes.ts';

const newId = <P extends 'app' | 'nod' | 'job'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
const job = newId('job') as JobId;

engineTest(
  'tools are copied once and read by every job; a volume goes when newer ones were used, and one that is not whole is known',
  { own: true },
  async (socket) => {
    const engine = engineAt(socket);
    const node = newId('nod');
    const app = newId('app') as AppId;
    const base = await baseImage('python');
    const imageOf = (text: string, tag: string | null = null) =>
      imageBy(`FROM ${base}\nRUN mkdir -p ${toolFolder} && echo ${text} > ${toolFolder}/tool\n`, tag);
    const imageBy = async (dockerfile: string, tag: string | null = null): Promise<ImageId> => {
      const end = await buildImage({
        engine: { socket, facts: { api: '1.41' } },
        context: contextOf({ files: (async function* () {})(), ignores: () => false, dockerfile }),
        ...{ target: null, labels: {}, tag, buildArgs: {}, isUncached: false, deadlineMs: 120_000 },
        ...{ signal: new AbortController().signal, onLine: () => {} },
      });
      assert.equal(end.end, 'built', JSON.stringify(end));
      return (end.end === 'built' ? end.imageId : '') as ImageId;
    };
    const volumes = async (): Promise<string[]> => {
      const path = `/v1.41/volumes?filters=${encodeURIComponent(labelFilter({ node }))}`;
      const { body } = await askEngine(socket, path, { timeoutMs: 60_000 });
      return ((JSON.parse(body) as { Volumes: { Name: string }[] | null }).Volumes ?? [])
        .map(({ Name }) => Name)
        .sort();
    };
    const containers = async (): Promise<number> => {
      const path = `/v1.41/containers/json?all=1&filters=${encodeURIComponent(labelFilter({ node }))}`;
      return (JSON.parse((await askEngine(socket, path, { timeoutMs: 60_000 })).body) as unknown[]).length;
    };

    const tools = openToolVolumes({ engine, node });
    const tag = `lockstep-test/tools:${randomBytes(4).toString('hex')}`;
    const one = await imageOf('one', tag);
    const [first, second] = await Promise.all([tools.of(app, one, job), tools.of(app, one, job)]);
    assert.equal(first, second);
    assert.equal(await tools.isWhole(first), true);
    // Another image with the same files: nothing is copied.
    const alike = await imageBy(`FROM ${tag}\nLABEL a=b\n`);
    assert.notEqual(alike, one);
    assert.equal(await tools.of(app, alike, job), first);
    assert.deepEqual([await volumes(), await containers(), tools.images(app)], [[first], 0, [alike]]);

    // Removed behind our back: the engine makes an empty one of the name for whoever mounts it, which is not taken for ours.
    await engine.ask('DELETE', `/volumes/${first}`);
    assert.equal(await tools.isWhole(first), false);
    await engine.ask('POST', '/volumes/create', { json: { Name: first } });
    assert.equal(await tools.isWhole(first), false);
    await tools.forget(first);
    const again = await tools.of(app, one, job);
    assert.notEqual(again, first);

    // Other tools, and another app's: each has its own, and what was not used lately goes.
    const two = await imageOf('two');
    const other = newId('app') as AppId;
    const theirs = await tools.of(other, two, job);
    const next = await tools.of(app, two, job);
    assert.notEqual(theirs, next);
    await tools.collect(app, 1);
    assert.deepEqual(await volumes(), [next, theirs].sort());
    assert.deepEqual(tools.images(app), [two]);
    assert.equal(await tools.isWhole(again), false);

    // What checks write and find again: one an app, as long as it is used, and not beyond its measure.
    const cache = await tools.cache(app);
    assert.deepEqual([await tools.cache(app), await tools.isWhole(cache)], [cache, true]);
    assert.deepEqual([tools.images(app), cache === next], [[two], false]);
    const writer = { Image: base, Mounts: [{ Type: 'volume', Source: cache, Target: '/cache' }] };
    const fill = async (megabytes: number): Promise<void> => {
      const json = {
        ...{ Image: base, Cmd: ['sh', '-c', `head -c ${megabytes}M /dev/zero > /cache/x`] },
        HostConfig: writer,
      };
      const { body } = await engine.ask('POST', '/containers/create', { json });
      const { Id } = body as { Id: string };
      await engine.ask('POST', `/containers/${Id}/start`);
      await engine.ask('POST', `/containers/${Id}/wait`, { timeoutMs: 60_000 });
      await engine.ask('DELETE', `/containers/${Id}`);
      await tools.wasUsed(cache);
    };
    await fill(1);
    assert.equal(await tools.cache(app), cache);
    await fill(513);
    assert.deepEqual([await tools.isWhole(cache), (await tools.cache(app)) === cache], [false, false]);

    // A copy that failed leaves nothing, and the next is whole.
    await assert.rejects(tools.of(app, `sha256:${'0'.repeat(64)}` as ImageId, job));
    // What an earlier agent left, whole or not, the next one removes; its own stays.
    const later = openToolVolumes({ engine, node });
    const own = await later.of(app, one, job);
    await later.sweep();
    assert.deepEqual(await volumes(), [own]);
    await later.collect(app, 0);
    assert.deepEqual([await volumes(), await containers()], [[], 0]);
    await engine.ask('DELETE', `/images/${tag}`);
  },
);
