import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createPlainServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { engineTest } from '../../../test/support/engine.ts';
import { describeEngine, type EngineLook } from '../../domain/engine.ts';
import { negotiate, newestSpoken } from './api-version.ts';
import { askEngine } from './ask.ts';
import { lookAtEngine } from './look.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-look-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** Somebody at a socket of its own, for as long as the look takes. */
async function lookAt(server: Server, limitMs = 5000): Promise<EngineLook> {
  const socket = join(folder, `${++count}.sock`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    return await lookAtEngine(socket, limitMs);
  } finally {
    server.close();
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
  }
}

const answering =
  (answers: Readonly<Record<string, unknown>>): RequestListener =>
  (request, response) => {
    const found = answers[request.url!];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(typeof found === 'string' ? found : JSON.stringify(found ?? { message: 'page not found' }));
  };

const adviceOf = (look: EngineLook): string => (look.state === 'ready' ? '' : look.advice);

const speaks = (newest: string, oldest: string) => ({ Version: '9.9', ApiVersion: newest, MinAPIVersion: oldest });

test('the newest version that both speak is taken', () => {
  const check = (newest: string, oldest: string, expected: ReturnType<typeof negotiate>) =>
    assert.deepEqual(negotiate({ newest, oldest }), expected);
  check('1.41', '1.12', { version: '1.41' });
  check('1.44', '1.24', { version: '1.44' });
  check('1.51', '1.44', { version: newestSpoken });
  check('1.40', '1.12', { refused: 'too-old' });
  check('1.9', '1.8', { refused: 'too-old' });
  check('1.99', '1.60', { refused: 'too-new' });
  check('2', '1', null);
  check('1.44\n', '1.24', null);
});

test('what is not there, what nobody serves and what must not be opened are told apart', async (context) => {
  const missing = await lookAtEngine(join(folder, 'none.sock'));
  assert.equal(missing.state as string, 'absent');
  assert.match(adviceOf(missing), /apt install docker\.io/);
  assert.match(describeEngine(missing), /^none: there is no \//);
  assert.equal((await lookAtEngine('/dev/null')).state, 'absent');
  if (process.getuid?.() !== 0) return context.diagnostic('not root: nothing here could be closed to us');
  const socket = join(folder, 'closed.sock');
  const server = createPlainServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  chmodSync(folder, 0o711);
  chmodSync(socket, 0o600);
  process.seteuid!(65534);
  try {
    const closed = await lookAtEngine(socket);
    assert.equal(closed.state as string, 'forbidden');
    assert.match(adviceOf(closed), /as root, or put its user into the group/);
  } finally {
    process.seteuid!(0);
    server.close();
  }
});

test('J1: one that hangs costs the limit and no more, at either question', async () => {
  const silent = createPlainServer((socket) => socket.on('error', () => {}));
  const look = await lookAt(silent, 100);
  assert.deepEqual([look.state, /did not answer within 0\.1 s/.test(describeEngine(look))], ['hung', true]);
  const halfWay = createServer((request, response) => {
    if (request.url === '/version') answering({ '/version': speaks('1.41', '1.12') })(request, response);
  });
  assert.equal((await lookAt(halfWay, 300)).state, 'hung');
});

test('one too old, one too new and what is no engine at all say so', async () => {
  const at = async (answers: Readonly<Record<string, unknown>>) =>
    (await lookAt(createServer(answering(answers)))).state;
  assert.equal(await at({ '/version': speaks('1.39', '1.12') }), 'too-old');
  assert.equal(await at({ '/version': speaks('1.99', '1.90') }), 'too-new');
  assert.equal(await at({}), 'strange');
  assert.equal(await at({ '/version': '<html>' }), 'strange');
  assert.equal(await at({ '/version': speaks('latest', '1.12') }), 'strange');
  assert.equal(await at({ '/version': speaks('1.41', '1.12'), '/v1.41/info': { Driver: 7 } }), 'strange');
  const rude = createPlainServer((socket) => socket.end('SSH-2.0-x\r\n').on('error', () => {}));
  assert.equal((await lookAt(rude)).state, 'strange');
});

test('an answer without end is not read', async () => {
  const flood = createServer((_request, response) => {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    const more = (): void => {
      while (response.write(chunk));
      response.once('drain', more);
    };
    more();
  });
  assert.equal((await lookAt(flood)).state, 'strange');
});

test('limits that do not hold are named', async () => {
  const info = {
    Driver: 'overlay2',
    CgroupDriver: 'none',
    CgroupVersion: '2',
    MemoryLimit: true,
    SecurityOptions: ['name=rootless'],
  };
  const look = await lookAt(createServer(answering({ '/version': speaks('1.44', '1.24'), '/v1.44/info': info })));
  assert.equal(
    describeEngine(look),
    'Docker 9.9, API 1.44, images by BuildKit, overlay2, cgroup v2 by none, no limit of cpu, pids holds',
  );
  assert.equal(look.state === 'ready' && look.facts.isRootless, true);
});

engineTest(
  'a real engine says what it is, and answers in the version that was agreed on',
  { own: false },
  async (socket) => {
    const look = await lookAtEngine(socket);
    assert.equal(look.state, 'ready', describeEngine(look));
    if (look.state !== 'ready') return;
    assert.match(look.facts.version, /^\d+\.\d+/);
    assert.match(look.facts.cgroup.version, /^[12]$/);
    const answer = await askEngine(socket, `/v${look.facts.api}/containers/json`, { timeoutMs: 60_000 });
    assert.equal(answer.status, 200);
  },
);
