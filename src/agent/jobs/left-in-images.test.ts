import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fail } from '../../domain/errors.ts';
import type { NodeId } from '../../domain/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { leftInImages } from './left-in-images.ts';

/** An engine that keeps these containers, by the job that each is labelled with. */
function engineWith(containers: Map<string, string>) {
  const seen = { isAway: false, asked: 0 };
  const engine: Engine = {
    async ask(method, path) {
      seen.asked += 1;
      if (seen.isAway) throw fail('engine-away', 'The container engine does not answer');
      const [, id, query] = /^\/containers\/([^?/]+)(?:\/json)?\?(.*)$/.exec(path)!;
      if (method === 'DELETE') return { status: containers.delete(id!) ? 204 : 404, body: null };
      const { label } = JSON.parse(new URLSearchParams(query).get('filters')!) as { label: string[] };
      assert.equal(label[0], 'io.lockstep.node=nod_1');
      const wanted = label[1]!.split('=')[1];
      const found = [...containers].filter(([, job]) => wanted === undefined || job === wanted);
      return { status: 200, body: found.map(([Id, job]) => ({ Id, Labels: { 'io.lockstep.job': job } })) };
    },
    bytes: () => Promise.reject(new Error('nobody asks')),
  };
  return { room: { engine, node: 'nod_1' as NodeId }, seen };
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (const end = performance.now() + 20_000; !isSo(); await turn()) assert.ok(performance.now() < end);
};

test('what is left is removed as soon as the engine answers, and what it made after that a little later; our own stays', async () => {
  const containers = new Map([
    ['a', 'left'],
    ['b', 'ours'],
  ]);
  const { room, seen } = engineWith(containers);
  seen.isAway = true;
  const left = leftInImages(room, (job) => job === 'ours', { failed: 1, most: 2, later: 1 });
  left.sweep('now');
  await until(() => seen.asked > 3);
  assert.equal(containers.size, 2);
  seen.isAway = false;
  await until(() => containers.size === 1);
  containers.set('c', 'late');
  await until(() => containers.size === 1);
  assert.deepEqual([...containers], [['b', 'ours']]);
  const { asked } = seen;
  for (let turns = 0; turns < 50; turns += 1) await turn();
  assert.ok(seen.asked <= asked + 1, 'it does not go on for ever');
  left.close();
});
