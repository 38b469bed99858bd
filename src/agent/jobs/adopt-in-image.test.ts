import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../../domain/errors.ts';
import type { JobId, NodeId } from '../../domain/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { adoptInImage, lookForLeft } from './adopt-in-image.ts';
import type { ImageRoom } from './in-image.ts';
import type { ReadyNetworks } from './ready-network.ts';

type Container = { job: string; status: string; code?: number; network?: string };

/** An engine that keeps these containers and says no word of their logs. */
function roomWith(containers: Map<string, Container>) {
  const seen = { isAway: false, taken: new Map<string, string>() };
  const engine: Engine = {
    async ask(method, path) {
      if (seen.isAway) throw fail('engine-away', 'The container engine does not answer');
      const [, id = '', verb = ''] = /^\/containers\/([^?/]+)(?:\/(\w+))?/.exec(path)!;
      if (method === 'DELETE') return { status: containers.delete(id) ? 204 : 404, body: null };
      if (verb === 'wait') return { status: 200, body: { StatusCode: containers.get(id)?.code ?? 0 } };
      if (id !== 'json') {
        const { job, status, code = 0, network = 'bridge' } = containers.get(id)!;
        const Config = { Labels: { 'io.lockstep.job': job } };
        const State = { Status: status, ExitCode: code, OOMKilled: false };
        return { status: 200, body: { Config, State, HostConfig: { NetworkMode: network } } };
      }
      const { label } = JSON.parse(new URLSearchParams(path.split('?')[1]).get('filters')!) as { label: string[] };
      const wanted = label[1]!.split('=')[1];
      const found = [...containers].filter(([, { job }]) => wanted === undefined || job === wanted);
      return { status: 200, body: found.map(([Id, { job }]) => ({ Id, Labels: { 'io.lockstep.job': job } })) };
    },
    bytes: () => Promise.reject(fail('engine-away', 'It says nothing')),
  };
  const networks = {
    adopt: (container: string, job: string) => seen.taken.set(container, job),
    giveBack: async (container: string) => void containers.delete(container),
  } as unknown as ReadyNetworks;
  return { room: { engine, networks, node: 'nod_1' as NodeId } as ImageRoom, seen };
}

const adopt = async (room: ImageRoom | null, id: string) => {
  const job = id as JobId;
  const left = room === null ? Promise.resolve(new Map()) : lookForLeft(room, [job]);
  const sink = { line() {}, dropped() {} };
  return (await adoptInImage({ id: job, reports: [] }, room, left, { reports: '/nowhere' }, sink)).ended;
};

test('a job in a container that runs on or has run to its end has that end, and takes the network that it joined', async () => {
  const containers = new Map<string, Container>([
    ['a', { job: 'on', status: 'running', code: 3, network: 'container:n' }],
    ['b', { job: 'over', status: 'exited', code: 1 }],
    ['n', { job: 'holder', status: 'running' }],
  ]);
  const { room, seen } = roomWith(containers);
  assert.deepEqual(await adopt(room, 'on'), { code: 3, isOutOfMemory: false });
  assert.deepEqual(await adopt(room, 'over'), { code: 1, isOutOfMemory: false });
  assert.deepEqual([[...seen.taken], containers.size], [[['n', 'holder']], 0]);
});

test('one that never ran, was killed or is gone is lost and removed, and so is it when nobody can say', async () => {
  const containers = new Map<string, Container>([
    ['a', { job: 'never', status: 'created' }],
    ['b', { job: 'killed', status: 'exited', code: 137 }],
  ]);
  const { room, seen } = roomWith(containers);
  for (const id of ['never', 'killed', 'gone'])
    assert.deepEqual(await adopt(room, id), { code: null, isOutOfMemory: false }, id);
  assert.equal(containers.size, 0);
  seen.isAway = true;
  assert.equal((await adopt(room, 'gone')).code, null);
  assert.equal((await adopt(null, 'gone')).code, null);
});
