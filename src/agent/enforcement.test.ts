import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitNames } from '../domain/hello.ts';
import { defaultLimits } from '../domain/plan.ts';
import { enforcementOf } from './enforcement.ts';
import type { Controller } from './process/cgroup.ts';
import { holdsOf, limitArgv, type MachineMeans } from './process/limit-means.ts';

const all: Controller[] = ['memory', 'cpu', 'pids'];
const machine = (more: Partial<MachineMeans> = {}, enforceable = all, version: 1 | 2 | null = 1): MachineMeans => ({
  hasIdentities: true,
  cgroups: { version, root: '', enforceable, why: [] },
  hasPrlimit: true,
  hasNetworks: true,
  ...more,
});
const none = (more: Partial<MachineMeans> = {}) => machine(more, [], null);

test('of each limit it is said by which means it holds', () => {
  const cases: [MachineMeans, string[]][] = [
    [machine(), ['cgroup v1', 'cgroup v1', 'cgroup v1', 'rlimit', 'watched', 'namespace']],
    [machine({}, all, 2), ['cgroup v2', 'cgroup v2', 'cgroup v2', 'rlimit', 'watched', 'namespace']],
    [machine({}, ['pids']), ['watched', 'priority', 'cgroup v1', 'rlimit', 'watched', 'namespace']],
    [none(), ['watched', 'priority', 'rlimit', 'rlimit', 'watched', 'namespace']],
    [none({ hasIdentities: false }), ['watched', 'priority', 'nothing', 'rlimit', 'watched', 'namespace']],
    [none({ hasPrlimit: false }), ['watched', 'nothing', 'nothing', 'rlimit', 'watched', 'namespace']],
  ];
  for (const [means, expected] of cases) {
    const holds = holdsOf(means);
    assert.deepEqual(
      holds.map(({ limit }) => limit),
      limitNames,
    );
    assert.deepEqual(
      holds.map(({ by }) => by),
      expected,
    );
    for (const { by, note } of holds) if (by === 'nothing') assert.match(note ?? '', /\S/);
  }
});

test('a machine without network namespaces says that network: none does not hold', () => {
  const { holds, why } = enforcementOf(machine({ hasNetworks: false }));
  assert.equal(holds?.at(-1)?.by, 'nothing');
  assert.match(why.join(), /^network: no limit holds, since no network namespace/);
});

test('where groups hold everything there is nothing to say, and nothing comes before the command', () => {
  const { why, ...rest } = enforcementOf(machine());
  assert.deepEqual(why, []);
  assert.partialDeepStrictEqual(rest, { identities: true, memory: true, cpu: true, pids: true });
  assert.deepEqual(limitArgv(machine(), defaultLimits, 'app'), []);
});

test('without groups the kernel holds what it can for one process and one user, and the rest is said', () => {
  const gib = 1024 ** 3;
  const limits = { ...defaultLimits, memoryBytes: gib, pids: 100 };
  const words = ['/usr/bin/nice', '-n', '10', '/usr/bin/prlimit', `--data=${2 * gib}`];
  assert.deepEqual(limitArgv(none(), limits, 'job'), [...words, '--nproc=200']);
  assert.deepEqual(limitArgv(none({ hasIdentities: false }), limits, 'job'), words);
  assert.deepEqual(limitArgv(none({ hasPrlimit: false }), limits, 'app'), []);
  const { why, ...rest } = enforcementOf(none({ hasIdentities: false }));
  assert.partialDeepStrictEqual(rest, { identities: false, memory: true, cpu: false, pids: false });
  assert.equal(why.length, 4);
  assert.match(why[0]!, /identities are shared/);
  assert.match(why[3]!, /^processes: no limit holds, since processes are counted for each user/);
});
