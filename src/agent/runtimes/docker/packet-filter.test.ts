import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { engineTest } from '../../../../test/support/engine.ts';
import { makeId } from '../../../domain/ids.ts';
import { run } from '../../../exec/exec.ts';
import { engineAt } from '../../engine/engine.ts';
import { AppNetworks } from './networks.ts';
import { judgeFilter, lookAtFilter } from './packet-filter.ts';

const rules = `-P POSTROUTING ACCEPT
-N DOCKER
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.19.0.0/16 ! -o br-0123 -j SNAT --to-source 192.0.2.1
`;

test('a network without its rule is cut off; an engine without a chain may want none', () => {
  const networks = [
    { app: 'one', subnets: ['172.17.0.0/16'] },
    { app: 'two', subnets: ['172.18.0.0/16'] },
    { app: 'three', subnets: ['172.19.0.0/16'] },
  ];
  assert.deepEqual(judgeFilter(rules, networks), { state: 'kept', cutOff: ['two'] });
  assert.deepEqual(judgeFilter('-P POSTROUTING ACCEPT\n-N DOCKER-USER\n', networks), { state: 'none', cutOff: [] });
});

engineTest(
  'an app’s network whose rules were flushed is told from one that has them',
  { own: true },
  async (socket) => {
    const newId = <P extends 'app' | 'nod'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
    const app = newId('app');
    const networks = new AppNetworks(engineAt(socket), newId('nod'));
    await networks.of(app);
    try {
      const [here] = await networks.apps();
      assert.deepEqual(await lookAtFilter([here!]), { state: 'kept', cutOff: [] });
      const bridge = `br-${here!.id.slice(0, 12)}`;
      const words = ['-D', 'POSTROUTING', '-s', here!.subnets[0]!, '!', '-o', bridge, '-j', 'MASQUERADE'];
      await run(['/usr/sbin/iptables', '-w', '5', '-t', 'nat', ...words], { env: {}, timeoutMs: 10_000, okCodes: [0] });
      assert.deepEqual(await lookAtFilter([here!]), { state: 'kept', cutOff: [app] });
    } finally {
      await networks.remove(app);
    }
  },
);
