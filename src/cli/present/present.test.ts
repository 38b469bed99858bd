import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppStatus } from '../../api/platform.ts';
import { problem } from '../../domain/doctor.ts';
import { fail } from '../../domain/errors.ts';
import type { AppName } from '../../domain/names.ts';
import type { ObservedInstance } from '../../domain/observed.ts';
import { changeRows } from '../commands/changes.ts';
import { logText, seenLines } from '../commands/logs.ts';
import { releaseRows } from '../commands/releases.ts';
import type { Io } from '../io.ts';
import { showFailure } from './failure.ts';
import { makePaint } from './paint.ts';
import { statusLines } from './status.ts';
import { table } from './table.ts';
import { ago, safeLine, seconds, short } from './text.ts';

const plain = makePaint(false, {});
const nowMs = Date.parse('2026-01-02T12:00:00Z');

const instance = {
  id: 'ins_1',
  type: 'web',
  state: 'healthy',
  pid: 4711,
  port: 20001,
  restarts: 0,
  startedAtMs: nowMs - 61_000,
  reason: null,
  notes: [],
} as unknown as ObservedInstance;
const worker = {
  ...instance,
  type: 'worker',
  state: 'backing-off',
  pid: null,
  port: null,
  restarts: 3,
  reason: 'exited with code 1',
};

const inSync = {
  app: 'blog',
  state: 'IN SYNC',
  why: 'v12 is live',
  main: { commit: 'a'.repeat(40), tree: 'b'.repeat(40) },
  release: { version: 12, artifact: `sha256:${'c'.repeat(64)}`, commit: 'a'.repeat(40), tree: 'b'.repeat(40) },
  instances: [instance, worker],
  router: { release: 'v12', generation: 41, instances: ['ins_1'] },
  served: { tree: 'b'.repeat(40), files: 4 },
  problems: [],
  url: 'http://blog.localhost:8080',
} as unknown as AppStatus;

test('a status says first whether main is live, then why', () => {
  assert.deepEqual(statusLines(inSync, plain, nowMs), [
    'blog  IN SYNC  v12 is live',
    '  main       aaaaaaaa  tree bbbbbbbb',
    '  release    v12  commit aaaaaaaa  artifact cccccccc',
    '  files      tree bbbbbbbb, computed from the 4 files on the disk',
    '  router     v12, to 1 instance (routes 41)',
    '  instances  web     healthy      pid 4711  port 20001  1 min ago',
    '             worker  backing-off  -         -           1 min ago  3 restarts; exited with code 1',
    '  address    http://blog.localhost:8080',
  ]);
});

test('a status of what runs in an image names it, and what else runs', () => {
  const id = `sha256:${'1'.repeat(64)}`;
  const of = (images: (string | null)[]) => {
    const containers = images.map((image, at) => ({ instance: `ins_${at}`, image }));
    return statusLines({ ...inSync, image: { id, containers } } as unknown as AppStatus, plain, nowMs)[3];
  };
  assert.equal(of([id]), '  image      111111111111, of 1 container');
  assert.equal(
    of([id, id, `sha256:${'2'.repeat(64)}`, null]),
    '  image      111111111111, of 2 containers; others of 222222222222, none',
  );
});

test('a status tells every problem with what to do', () => {
  const problems = [problem('main-moved', 'blog' as AppName, 'main is 1111111, live is 2222222')];
  const lines = statusLines({ ...inSync, state: 'DRIFTED', problems }, plain, nowMs);
  assert.equal(lines.at(-2), '  main-moved  main is 1111111, live is 2222222');
  assert.match(lines.at(-1)!, /^ {4}lockstep doctor --fix puts main back/);
});

test('the status of an app without a push has no gaps', () => {
  const empty = {
    ...inSync,
    state: 'EMPTY',
    why: 'nothing was pushed yet',
    main: null,
    release: null,
    instances: [],
    router: { release: null, generation: null, instances: [] },
    served: null,
  } as AppStatus;
  assert.deepEqual(statusLines(empty, plain, nowMs), [
    'blog  EMPTY  nothing was pushed yet',
    '  main       nothing pushed yet',
    '  release    -',
    '  router     -',
    '  instances  none',
    '  address    http://blog.localhost:8080',
  ]);
});

test('colour goes to terminals only, and not where NO_COLOR or TERM says no', () => {
  const check = (isTty: boolean, env: Record<string, string>) => makePaint(isTty, env).red('x');
  assert.equal(check(true, {}), '\u001b[31mx\u001b[39m');
  assert.deepEqual(
    [check(false, { CI: '1' }), check(true, { NO_COLOR: '1' }), check(true, { TERM: 'dumb' })],
    ['x', 'x', 'x'],
  );
});

test('columns are as wide as what is shown, colour not counted', () => {
  assert.deepEqual(table([['a', '\u001b[31mlong\u001b[39m', 'x'], ['bcd', 'y', ''], ['e']]), [
    'a    \u001b[31mlong\u001b[39m  x',
    'bcd  y',
    'e',
  ]);
  assert.deepEqual(table([]), []);
});

test('durations, ages and ids are short', () => {
  assert.deepEqual([4, 94, 412, 9_949, 9_950, 61_000, 125_000].map(seconds), [
    '0.00 s',
    '0.09 s',
    '0.4 s',
    '9.9 s',
    '10 s',
    '61 s',
    '2 min 5 s',
  ]);
  assert.deepEqual(
    [0, 59_000, 60_000, 7_200_000, 172_800_000, -5].map((ms) => ago(nowMs - ms, nowMs)),
    ['0 s ago', '59 s ago', '1 min ago', '2 h ago', '2 d ago', '0 s ago'],
  );
  assert.deepEqual([short(`sha256:${'c'.repeat(64)}`), short(null)], ['cccccccc', '-']);
});

test('a line of an app keeps its colours and loses every other control character', () => {
  assert.equal(safeLine('\u001b[31mred\u001b[0m\tok\r\n'), '\u001b[31mred\u001b[0m\tok');
  assert.equal(safeLine('\u001b]0;title\u0007\u001b[2Jx\u009b1m'), ']0;title[2Jx1m');
});

test('lists of releases and changes show who, when and why', () => {
  const release = {
    id: 'rel_1',
    version: 3,
    state: 'live',
    cause: 'deploy',
    commit: 'a'.repeat(40),
    configVersion: 2,
    actor: 'owner',
    description: 'Add a page',
    reason: null,
    createdAt: '2026-01-02T11:00:00Z',
    liveAt: '2026-01-02T11:59:30Z',
  };
  const failed = { ...release, version: null, state: 'failed', liveAt: null, reason: 'never became healthy' };
  assert.deepEqual(table(releaseRows([release, failed], plain, nowMs)), [
    'v3  live    deploy  aaaaaaaa  config 2  owner  30 s ago  Add a page',
    '-   failed  deploy  aaaaaaaa  config 2  owner  1 h ago   never became healthy',
  ]);
  const change = {
    id: 'chg_1',
    number: 7,
    how: 'push',
    actor: 'owner',
    head: 'a'.repeat(40),
    state: 'rejected',
    reason: 'style: 1 finding',
    createdAt: '2026-01-02T11:59:00Z',
  };
  assert.deepEqual(table(changeRows([change], plain, nowMs)), [
    '#7  rejected  push  aaaaaaaa  owner  1 min ago  style: 1 finding',
  ]);
});

const line = (atMs: number, text: string) =>
  ({ atMs, instanceId: 'ins_1', type: 'web', release: 'v1', line: text }) as never;

test('a log line says when, who and what', () => {
  assert.equal(logText(line(0, 'hello\u0007'), plain), '1970-01-01T00:00:00.000Z web[v1] hello');
});

test('after a broken connection no log line is shown twice and none is left out', () => {
  const seen = seenLines();
  const shown = (...lines: [number, string][]) =>
    lines.filter(([at, text]) => seen.isNew(line(at, text))).map(([, text]) => text);
  assert.deepEqual(shown([1, 'a'], [2, 'b'], [2, 'c']), ['a', 'b', 'c']);
  seen.rewind();
  assert.deepEqual(shown([1, 'a'], [2, 'b'], [2, 'c'], [2, 'd'], [3, 'e'], [2, 'late']), ['d', 'e', 'late']);
  seen.rewind();
  assert.deepEqual(shown([2, 'd'], [3, 'e'], [4, 'f']), ['f']);
});

function failureOf(error: unknown, isJson: boolean): [number, string, string] {
  const said = { out: '', err: '' };
  const io = {
    env: {},
    isErrTty: false,
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
  } as Io;
  return [showFailure(error, io, isJson), said.out, said.err];
}

test('a failure says what is wrong and what to do, and gives the registry’s exit code', () => {
  const error = fail('not-found', 'there is no app "x"\nsecond', { advice: 'See: lockstep apps' });
  const text = ' !     there is no app "x"\n       second\n       See: lockstep apps\n';
  assert.deepEqual(failureOf(error, false), [66, '', text]);
  const json =
    '{"error":{"code":"not-found","message":"there is no app \\"x\\"\\nsecond","advice":"See: lockstep apps"}}\n';
  assert.deepEqual(failureOf(error, true), [66, json, text]);
});

test('what nobody foresaw is told without a stack', () => {
  const [code, out, err] = failureOf(new TypeError('x is not a function'), true);
  assert.equal(code, 70);
  assert.match(err, /an error of the command line itself: x is not a function/);
  assert.doesNotMatch(out + err, /\bat .*\.ts|node:internal/);
});
