import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, test } from 'node:test';
import type { InstanceView } from '../desired/converge.ts';
import { identify } from '../process/proc.ts';
import { evidenceOf, straysOf } from './processes.ts';

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer().listen({ host, port, ipv6Only: host === '::' });
  servers.push(server);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return (server.address() as { port: number }).port;
}

const self = identify(process.pid)!;
const viewOf = (port: number | null, more: Partial<InstanceView> = {}) =>
  ({
    id: 'ins_1',
    setId: 'set_1',
    appId: 'app_1',
    type: 'web',
    state: 'healthy',
    port,
    ...self,
    ...more,
  }) as InstanceView;

async function look(view: InstanceView, pids: number[], address = '127.0.0.1') {
  return (await evidenceOf([{ view, address, pids }]))[0]!;
}

test('its own process on its port is no stranger, and its user is told', async () => {
  const seen = await look(viewOf(await listen('127.0.0.1')), [process.pid]);
  assert.deepEqual([seen.isAlive, seen.listens, seen.stranger], [true, true, null]);
  assert.deepEqual(seen.uids, [process.getuid!()]);
});

test('whoever holds the port and is none of its processes is named', async () => {
  const seen = await look(viewOf(await listen('0.0.0.0')), []);
  assert.equal(seen.listens, false);
  assert.deepEqual([seen.stranger?.pid, seen.stranger?.uid], [process.pid, process.getuid!()]);
  assert.match(seen.stranger?.executable ?? '', /node/);
});

test('another program at the same port of an address that nobody asks is none of its business', async () => {
  const port = await listen('127.0.0.2');
  const seen = await look(viewOf(port), []);
  assert.deepEqual([seen.listens, seen.stranger], [false, null]);
});

test('a pid that is another process by now is not alive, and what has not begun to serve has no stranger', async () => {
  assert.equal((await look(viewOf(null, { startTicks: self.startTicks + 1 }), [])).isAlive, false);
  const port = await listen('127.0.0.1');
  assert.equal((await look(viewOf(port, { state: 'starting' }), [])).stranger, null);
});

test('no process of this machine is taken for a stray of a home that there is not', () => {
  assert.deepEqual(straysOf('/nowhere', new Set()), []);
});
