import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { isLoopback, parseRemote, parseServerUrl, serverKey } from './address.ts';
import { readCredentials, readToken, saveCredentials, tokenFileOf } from './credentials.ts';
import { findServer, type Wanted } from './find-server.ts';
import { problemOf } from './problem.ts';
import { sseParser } from './sse.ts';

test('events are the same however the bytes are cut', () => {
  const text =
    ': beat\n\nevent: line\ndata: {"line":"a"}\n\nid: 7\ndata: one\ndata: two\n\nevent: end\r\ndata:x\r\n\r\ndata\n\nevent: lost\n\n';
  const expected = [
    { type: 'line', data: '{"line":"a"}', id: null },
    { type: 'message', data: 'one\ntwo', id: '7' },
    { type: 'end', data: 'x', id: '7' },
    { type: 'message', data: '', id: '7' },
  ];
  for (const size of [1, 2, 3, 5, 11, text.length]) {
    const parse = sseParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parse(text.slice(at, at + size)));
    assert.deepEqual(events, expected, `pieces of ${size}`);
  }
});

test('an event without an end is refused before it fills the memory', () => {
  const parse = sseParser();
  const piece = `data: ${'x'.repeat(1024 * 1024)}\n`;
  assert.throws(
    () => {
      for (let i = 0; i < 20; i += 1) parse(piece);
    },
    (error) => isFailure(error, 'too-large'),
  );
});

test('a problem document becomes the error that the server threw', () => {
  const body = JSON.stringify({ code: 'name-taken', detail: 'the name "blog" is taken', advice: 'Choose another.' });
  const error = problemOf(409, 'application/problem+json', body, 'http://h');
  assert.deepEqual(
    [error.code, error.message, error.advice],
    ['name-taken', 'the name "blog" is taken', 'Choose another.'],
  );
});

test('an answer that is no problem document is told by its status', () => {
  const check = (status: number, type: string, body: string) => problemOf(status, type, body, 'http://h').code;
  assert.equal(check(401, 'application/json', '{}'), 'unauthenticated');
  assert.equal(check(422, 'application/json', '{"code":"no-such-code"}'), 'bad-request');
  assert.equal(check(503, 'text/html', '<h1>L05</h1>'), 'agent-away');
  assert.equal(check(418, 'text/plain', 'teapot'), 'internal');
  assert.equal(check(404, 'application/json', 'not json'), 'not-found');
  assert.match(problemOf(401, 'application/json', '{}', 'http://h').advice ?? '', /lockstep login http:\/\/h/);
});

test('an answer of the router itself keeps its L-code', () => {
  const body = { title: 'The platform is restarting', status: 502, detail: 'Try again.', code: 'L16', requestId: 'r1' };
  const error = problemOf(502, 'application/problem+json', JSON.stringify(body), 'http://h');
  assert.deepEqual(
    [error.code, error.message, error.advice],
    ['router-away', 'The platform is restarting (L16, request r1)', 'Try again.'],
  );
});

test('addresses of servers and remotes are compared by what they mean', () => {
  assert.equal(parseServerUrl('127.0.0.1:8080/x'), 'http://127.0.0.1:8080');
  for (const bad of ['', 'ftp://h', 'http://u:p@h', 'http://']) {
    assert.throws(
      () => parseServerUrl(bad),
      (error) => isFailure(error, 'bad-request'),
      bad,
    );
  }
  assert.equal(serverKey('http://localhost:8080'), serverKey('http://127.0.0.1:8080'));
  assert.equal(serverKey('http://lockstep.localhost:8080'), serverKey('http://[::1]:8080'));
  assert.equal(serverKey('https://h'), serverKey('https://h:443'));
  assert.notEqual(serverKey('http://localhost:8080'), serverKey('http://localhost:8081'));
  assert.notEqual(serverKey('http://h'), serverKey('https://h'));
  assert.deepEqual([isLoopback('http://127.0.0.1:1'), isLoopback('http://notlocalhost')], [true, false]);
  assert.deepEqual(parseRemote('http://127.0.0.1:8080/blog.git'), { origin: 'http://127.0.0.1:8080', app: 'blog' });
  assert.deepEqual(parseRemote('http://u:p@h/git/blog'), { origin: 'http://h', app: 'blog' });
  for (const foreign of ['git@h:blog.git', '/srv/blog.git', 'http://h/a/b/c.git', 'http://h/']) {
    assert.equal(parseRemote(foreign), null, foreign);
  }
});

function withFolder(run: (folder: string) => Promise<void>) {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-cli-'));
    try {
      await run(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

test(
  'a login keeps its token in one file of its own that nobody else can read',
  withFolder(async (folder) => {
    const config = join(folder, 'lockstep');
    mkdirSync(config);
    const file = await saveCredentials(config, 'http://h:1', 'ci', 'lst_secret');
    await saveCredentials(config, 'https://g', 'me', 'lst_other');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(join(config, 'credentials.json')).mode & 0o777, 0o600);
    assert.equal(readToken(file), 'lst_secret');
    assert.deepEqual(readCredentials(config), {
      current: 'https://g',
      servers: { 'http://h:1': { name: 'ci' }, 'https://g': { name: 'me' } },
    });
    assert.doesNotMatch(readFileSync(join(config, 'credentials.json'), 'utf8'), /lst_/);
  }),
);

test(
  'a credentials file or token that is not ours is refused with what to do',
  withFolder(async (folder) => {
    writeFileSync(join(folder, 'credentials.json'), '[1');
    assert.throws(
      () => readCredentials(folder),
      (error) => isFailure(error, 'bad-config') && /Remove it/.test(error.advice ?? ''),
    );
    writeFileSync(join(folder, 'token'), 'two words\n');
    for (const file of ['token', 'missing']) {
      assert.throws(
        () => readToken(join(folder, file)),
        (error) => isFailure(error, 'unauthenticated'),
        file,
      );
    }
  }),
);

test(
  'the server is the named one, else the remote’s, else the local one, else the last login',
  withFolder(async (folder) => {
    const config = join(folder, 'config', 'lockstep');
    const home = join(folder, '.lockstep');
    const find = async (more: Partial<Wanted> & { remote?: string } = {}) => {
      const env = { HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), ...more.env };
      const wanted: Wanted = { home: more.home, isRoot: false, env, remoteOrigin: async () => more.remote ?? null };
      const { url, token, tokenSource } = await findServer(wanted);
      return [url, token, tokenSource];
    };
    const owner = join(home, 'control', 'owner.token');
    const saved = (url: string) => tokenFileOf(config, url);
    const refuses = (more: Partial<Wanted>, code: 'router-away' | 'unauthenticated', advice: RegExp) =>
      assert.rejects(find(more), (error) => isFailure(error, code) && advice.test(error.advice ?? ''));

    await refuses({}, 'router-away', /lockstep up .*lockstep login/);
    await refuses({ home: '/nowhere' }, 'router-away', /lockstep up --home \/nowhere/);
    await refuses({ env: { LOCKSTEP_URL: 'http://h' } }, 'unauthenticated', /lockstep login/);
    assert.deepEqual(await find({ env: { LOCKSTEP_URL: 'http://h/', LOCKSTEP_TOKEN: 't' } }), [
      'http://h',
      't',
      '@env',
    ]);

    mkdirSync(config, { recursive: true });
    await saveCredentials(config, 'http://a', 'x', 'ta');
    await saveCredentials(config, 'http://b', 'x', 'tb');
    assert.deepEqual(await find(), ['http://b', 'tb', saved('http://b')]);
    assert.deepEqual(await find({ env: { LOCKSTEP_URL: 'http://a' } }), ['http://a', 'ta', saved('http://a')]);

    for (const part of ['run', 'control']) mkdirSync(join(home, part), { recursive: true });
    writeFileSync(join(home, 'run', 'up.json'), JSON.stringify({ url: 'http://127.0.0.1:8080' }));
    writeFileSync(owner, 'to\n');
    assert.deepEqual(await find(), ['http://127.0.0.1:8080', 'to', owner]);
    assert.deepEqual(await find({ remote: 'http://a:80' }), ['http://a', 'ta', saved('http://a')]);
    assert.deepEqual(await find({ remote: 'http://elsewhere' }), ['http://127.0.0.1:8080', 'to', owner]);
    assert.deepEqual(await find({ remote: 'http://a', home }), ['http://127.0.0.1:8080', 'to', owner]);
    assert.deepEqual(await find({ env: { LOCKSTEP_URL: 'http://localhost:8080' } }), [
      'http://localhost:8080',
      'to',
      owner,
    ]);
    assert.deepEqual(await find({ env: { LOCKSTEP_TOKEN: 'mine' } }), ['http://127.0.0.1:8080', 'mine', '@env']);
  }),
);
