import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { baseImage, engineTest } from '../../../test/support/engine.ts';
import { contextOf } from '../../build/context/context.ts';
import { readIgnore } from '../../build/context/ignore.ts';
import { writeDockerfile } from '../../build/dockerfile/dockerfile.ts';
import { memoryTree } from '../../build/memory-tree.ts';
import type { OutgoingFile } from '../../domain/agent.ts';
import { isFailure } from '../../domain/errors.ts';
import { askEngine } from './ask.ts';
import { type BuildEnd, type BuildRequest, buildImage } from './build-image.ts';
import { BuildLog } from './build-log.ts';
import { readBuildStatus } from './build-status.ts';
import { lookAtEngine } from './look.ts';

async function* filesOf(files: Readonly<Record<string, string>>): AsyncGenerator<OutgoingFile> {
  for (const [path, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    yield { mode: '100644', path: Buffer.from(path), size: content.length, content };
  }
}

type Given = Partial<BuildRequest> & { dockerfile: string; files?: Readonly<Record<string, string>> };

/** A build, and what it said. */
async function build(
  socket: string,
  api: string,
  { dockerfile, files = {}, ...more }: Given,
): Promise<{ end: BuildEnd; lines: string[] }> {
  const lines: string[] = [];
  const end = await buildImage({
    engine: { socket, facts: { api } },
    context: contextOf({ files: filesOf(files), ignores: readIgnore(''), dockerfile }),
    ...{ target: null, labels: {}, tag: null, buildArgs: {}, isUncached: false, deadlineMs: 120_000 },
    signal: new AbortController().signal,
    onLine: (line) => void lines.push(line),
    ...more,
  });
  return { end, lines };
}

async function apiOf(socket: string): Promise<string> {
  const look = await lookAtEngine(socket);
  assert.equal(look.state, 'ready');
  return look.state === 'ready' ? look.facts.api : '';
}

const example = join(import.meta.dirname, '..', '..', '..', 'examples', 'flask-guestbook');
const guestbook = (): Record<string, string> =>
  Object.fromEntries(
    globSync('**/*', { cwd: example, withFileTypes: true, exclude: (one) => one.name === '__pycache__' })
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name))
      .map((file) => [file.slice(example.length + 1), readFileSync(file, 'utf8')]),
  );

engineTest(
  'the example app runs in the image that is written for it: not as root, read-only, without capabilities',
  { own: true },
  async (socket, context) => {
    const tag = await baseImage('python');
    const files: Record<string, string> = { ...guestbook(), '.python-version': `${/\d+\.\d+/.exec(tag)![0]}\n` };
    const { text: dockerfile } = await writeDockerfile(memoryTree(files), 'app_test');
    assert.ok(dockerfile.includes(`FROM ${tag}\n`));
    const api = await apiOf(socket);
    const labels = { 'io.lockstep.app': 'app_test' };
    const first = await build(socket, api, { dockerfile, files, labels });
    assert.equal(first.end.end, 'built', `${JSON.stringify(first.end)}\n${first.lines.join('\n')}`);
    if (first.end.end !== 'built') return;
    assert.ok(first.lines.some((line) => /RUN .*uv pip install/.test(line)));
    // A line of one file: the dependencies are not installed again.
    files['guestbook/__init__.py'] += '\n# changed\n';
    const startedAt = performance.now();
    const second = await build(socket, api, { dockerfile, files, labels });
    context.diagnostic(`a changed line: ${Math.round(performance.now() - startedAt)} ms`);
    assert.ok(
      second.end.end === 'built' && second.end.imageId !== first.end.imageId && second.end.cachedSteps >= 6,
      second.lines.join('\n'),
    );
    assert.ok(second.lines.some((line) => /uv pip install.*\(from the cache\)/.test(line)));

    const ask = async (method: string, path: string, json?: unknown) => {
      const answer = await askEngine(socket, `/v${api}${path}`, {
        method,
        timeoutMs: 30_000,
        ...(json === undefined ? {} : { json }),
      });
      assert.ok(answer.status < 300, `${path}: ${answer.body}`);
      return answer.body === '' ? null : JSON.parse(answer.body);
    };
    const host = {
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': '' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: 128 * 2 ** 20,
    };
    const { Id: id } = await ask('POST', '/containers/create', {
      Image: second.end.end === 'built' ? second.end.imageId : '',
      HostConfig: { ...host, Mounts: [{ Type: 'volume', Target: '/app/data' }] },
      Env: ['PORT=5000'],
    });
    try {
      await ask('POST', `/containers/${id}/start`);
      const { NetworkSettings, Config } = await ask('GET', `/containers/${id}/json`);
      assert.deepEqual([Config.User, Config.Labels['io.lockstep.app']], ['10001:10001', 'app_test']);
      let said = '';
      for (const end = performance.now() + 20_000; said !== '200'; await pause(20)) {
        assert.ok(performance.now() < end, 'it does not answer');
        said = await fetch(`http://${NetworkSettings.IPAddress}:5000/health`).then(
          ({ status }) => String(status),
          () => '',
        );
      }
      const { Processes } = await ask('GET', `/containers/${id}/top?ps_args=-eo%20pid,uid,comm`);
      assert.deepEqual([...new Set(Processes.map(([, uid]: string[]) => uid))], ['10001']);
      // gunicorn is the first process, so that it hears SIGTERM.
      await ask('POST', `/containers/${id}/stop?t=10`);
      assert.equal((await ask('GET', `/containers/${id}/json`)).State.ExitCode, 0);
    } finally {
      await ask('DELETE', `/containers/${id}?force=1&v=1`);
    }
  },
);

engineTest(
  'a build that fails, is given up, takes too long or writes without end ends as what it is',
  { own: true },
  async (socket) => {
    const tag = await baseImage('debian');
    const api = await apiOf(socket);
    const of = (run: string, more: Partial<Given> = {}) =>
      build(socket, api, { dockerfile: `FROM ${tag}\nRUN ${run}\n`, isUncached: true, ...more });
    const failed = await of('echo one && printf two && exit 3');
    assert.equal(failed.end.end, 'failed');
    if (failed.end.end === 'failed') {
      assert.match(failed.end.why, /RUN echo one.*exit code: 3/);
      assert.deepEqual(failed.end.tail.slice(-2), ['one', 'two']);
    }
    const missing = await build(socket, api, { dockerfile: 'FROM lockstep.invalid/nothing:1\n' });
    assert.equal(missing.end.end, 'failed', JSON.stringify(missing.end));
    assert.equal((await build(socket, api, { dockerfile: 'FROM\n' })).end.end, 'failed');

    const abort = new AbortController();
    const givenUp = await of('echo begun && sleep 1000.5', {
      signal: abort.signal,
      onLine: (line) => void (line === 'begun' && abort.abort()),
    });
    assert.deepEqual(givenUp.end, { end: 'cancelled' });
    assert.deepEqual((await of('sleep 1000.5', { deadlineMs: 1500 })).end, { end: 'timed-out' });
    // What ran in them is gone, not only the connection.
    const sleeping = () =>
      globSync('/proc/[0-9]*/cmdline').filter((file) => {
        try {
          return /^sleep\0+1000\.5\0/.test(readFileSync(file, 'latin1'));
        } catch {
          return false;
        }
      });
    for (const end = performance.now() + 20_000; sleeping().length > 0; await pause(50))
      assert.ok(performance.now() < end, 'it sleeps on');

    const flood = await of('yes 0123456789012345678901234567890123456789 | head -n 200000');
    assert.equal(flood.end.end, 'built');
    const bytes = flood.lines.join('\n').length;
    assert.ok(bytes > 10_000 && bytes < 2_200_000, String(bytes));
  },
);

engineTest(
  'the context’s own trouble is told as it is, and an engine that is not there is neither success nor failure',
  { own: true },
  async (socket) => {
    const api = await apiOf(socket);
    const files = { '../x': '' };
    await assert.rejects(build(socket, api, { dockerfile: 'FROM scratch\n', files }), (error) =>
      isFailure(error, 'tree-refused'),
    );
  },
);

test('an engine that is not there, breaks off or names no image has lost the build', async () => {
  const socket = join(tmpdir(), `lockstep-build-${process.pid}.sock`);
  const lost = async () => (await build(socket, '1.41', { dockerfile: 'FROM scratch\n' })).end.end;
  assert.equal(await lost(), 'lost');
  let how: 'nothing' | 'half' | 'refuse' | 'busy' = 'nothing';
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (how === 'refuse' || how === 'busy')
        return response.writeHead(how === 'busy' ? 503 : 400).end('{"message":"no"}');
      response.writeHead(200);
      if (how === 'nothing')
        return response.end('{"stream":"x"}\nnot json\n{"id":"moby.buildkit.trace","aux":"////"}\n');
      response.write('{"id":"moby.im');
      return response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    assert.equal(await lost(), 'lost');
    how = 'half';
    assert.equal(await lost(), 'lost');
    how = 'busy';
    assert.equal(await lost(), 'lost');
    how = 'refuse';
    assert.deepEqual((await build(socket, '1.41', { dockerfile: 'FROM scratch\n' })).end, {
      end: 'failed',
      why: 'no',
      tail: [],
    });
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(socket, { force: true });
  }
});

test('a build argument cannot name another builder', async () => {
  await assert.rejects(
    build('/nowhere', '1.41', { dockerfile: 'FROM a\n', buildArgs: { buildkit_syntax: 'evil/x' } }),
    (error) => isFailure(error, 'bad-config'),
  );
});

test('of a build that writes without end so much is shown, and the end of it kept', () => {
  const lines: string[] = [];
  const log = new BuildLog((line) => void lines.push(line));
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  const field = (number: number, content: Buffer) =>
    Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content]);
  const message = (text: string) =>
    field(3, Buffer.concat([field(1, Buffer.from('step')), field(4, Buffer.from(text))]));
  for (let count = 0; count < 3000; count += 1) log.add(message(`${'x'.repeat(999)}\nhalf of `));
  log.add(message('the last'));
  log.end();
  assert.match(lines.at(-1)!, /writes more than is shown/);
  assert.ok(lines.length < 2200 && lines[1]!.startsWith('half of xxx'));
  assert.equal(log.tail().at(-1), 'half of the last');
  assert.equal(log.tail().length, 50);
});

test('what BuildKit tells is read, and what is no such message is not', () => {
  const step = Buffer.from('0a190a03616263 1a05312f32205a 2001 2a00 3200 3a0162'.replaceAll(' ', ''), 'hex');
  step[1] = step.length - 2;
  assert.deepEqual(readBuildStatus(step), {
    steps: [{ digest: 'abc', name: '1/2 Z', isCached: true, isStarted: true, isDone: true, error: 'b' }],
    output: [],
  });
  for (const bad of ['0a', '0aff', '0b', 'ffffffffffffffffffffff', '0a020a09'])
    assert.equal(readBuildStatus(Buffer.from(bad, 'hex')), null, bad);
});
