import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineFacts, EngineLook } from '../../domain/engine.ts';
import { FakeWorld } from '../fake-world.ts';
import { engineNotes } from './engine-notes.ts';
import { look } from './look.ts';

const facts: EngineFacts = {
  ...{ version: '20.10.24', api: '1.41', newestApi: '1.41', oldestApi: '1.12', storage: 'overlay2', isRootless: false },
  cgroup: { driver: 'cgroupfs', version: '1' },
  limits: { memory: true, cpu: true, pids: true },
};
const ready = (more: Partial<EngineFacts>): EngineLook => ({
  ...{ state: 'ready', socket: '/s', facts: { ...facts, ...more } },
});

test('an engine that holds everything, and one that is not there, need no word', () => {
  assert.deepEqual(engineNotes({}), []);
  assert.deepEqual(engineNotes({ engine: ready({}), filter: { state: 'kept', cutOff: [] } }), []);
  assert.deepEqual(engineNotes({ engine: { state: 'absent', socket: '/s', why: 'none', advice: 'x' } }), []);
});

test('what does not hold is said with what to set', () => {
  const check = (more: Partial<EngineFacts>, words: RegExp) => {
    const notes = engineNotes({ engine: ready(more) });
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, words);
  };
  check(
    { cgroup: { driver: 'systemd', version: '2' } },
    /not to memory, CPU or processes.*native\.cgroupdriver=cgroupfs/,
  );
  check({ limits: { memory: false, cpu: true, pids: false } }, /no limit of memory, pids here: .*cgroup_enable=memory/);
  check(
    { cgroup: { driver: 'cgroupfs', version: '2' }, limits: { ...facts.limits, cpu: false } },
    /of cpu here: delegate/,
  );
  check({ isRootless: true }, /without root/);
  check({ storage: 'vfs' }, /by vfs: .*overlay2/);
  const hung = engineNotes({ engine: { state: 'hung', socket: '/s', why: 'it hangs', advice: 'Restart it.' } });
  assert.deepEqual(hung, ['it hangs. Restart it.']);
  const flushed = engineNotes({ engine: ready({}), filter: { state: 'none', cutOff: [] } });
  assert.match(flushed[0]!, /iptables: false.*until the engine is restarted/);
});

test('apps whose containers were cut off are a problem with its way back', async () => {
  using fake = new FakeWorld();
  const app = await fake.createApp();
  const survey = fake.agent.survey.bind(fake.agent);
  const cutOff = [app.id, 'app_01JD5Z7Q0G9V1M8XK3T2R4W6YB' as typeof app.id];
  fake.agent.survey = async () => ({ ...(await survey()), engine: ready({}), filter: { state: 'kept', cutOff } });
  const { found } = await look(fake.world, [], true);
  const [problem] = found.map((one) => one.problem);
  assert.deepEqual([found.length, problem!.code, problem!.app], [1, 'containers-cut-off', app.name]);
  assert.match(problem!.advice, /restart docker/);
});
