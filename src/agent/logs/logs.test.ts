import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceId } from '../../domain/ids.ts';
import { AppLog } from './app-log.ts';

const line = (text: string, atMs = 0) => ({
  atMs,
  instanceId: 'ins_1' as InstanceId,
  type: 'web',
  release: 'v1',
  line: text,
});
async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-log-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('the last lines are read across rotations, and files stay bounded', async () => {
  await using home = await folder();
  await using log = await AppLog.open(home.path, { fileBytes: 300, files: 3 });
  for (let at = 0; at < 30; at += 1) log.append(line(`n${at}`));
  assert.deepEqual(
    (await log.tail(4)).map((one) => one.line),
    ['n26', 'n27', 'n28', 'n29'],
  );
  assert.deepEqual((await readdir(home.path)).sort(), ['app.log', 'app.log.1', 'app.log.2']);
});

test('what one instance said lately is read from the newest part alone', async () => {
  await using home = await folder();
  const pad = 'x'.repeat(1000);
  {
    await using log = await AppLog.open(home.path);
    for (let at = 0; at < 1000; at += 1) log.append(line(`n${at} ${pad}`, at));
  }
  await using log = await AppLog.open(home.path);
  const other = { ...line('other'), instanceId: 'ins_2' as InstanceId };
  log.append(other);
  const lately = await log.recent(5000, 'ins_1' as InstanceId);
  assert.equal(lately.at(-1)?.line, `n999 ${pad}`);
  assert.ok(lately.length > 200 && lately.length < 260, `${lately.length}`);
  assert.deepEqual(await log.recent(1, other.instanceId), [other]);
});

test('beyond the rate lines are dropped and counted once', async () => {
  await using home = await folder();
  await using log = await AppLog.open(home.path, { linesPerSecond: 2 });
  for (let at = 0; at < 5; at += 1) log.append(line(`n${at}`));
  log.append(line('later', 1000));
  assert.deepEqual(
    (await log.tail(9)).map((one) => one.line),
    ['n0', 'n1', '3 lines dropped', 'later'],
  );
});

test('a follower sees the past, then what comes, each once, until its signal', async () => {
  await using home = await folder();
  await using log = await AppLog.open(home.path);
  log.append(line('a'));
  log.append(line('b'));
  const end = new AbortController();
  const seen: string[] = [];
  for await (const one of log.follow(end.signal, 1)) {
    seen.push(one.line);
    if (one.line === 'b') log.append(line('c'));
    if (one.line === 'c') end.abort();
  }
  assert.deepEqual(seen, ['b', 'c']);
});

test('lines that could not be written are kept for the next write, the oldest beyond a bound are counted', async () => {
  await using home = await folder();
  const log = await AppLog.open(home.path, { keptLines: 2 });
  const file = join(home.path, 'app.log');
  await mkdir(file); // nothing can be appended to a directory
  for (const text of ['a', 'b', 'c']) log.append(line(text));
  await assert.rejects(log[Symbol.asyncDispose]());
  await rm(file, { recursive: true });
  log.append(line('d'));
  const texts = (await log.tail(9)).map((one) => one.line);
  assert.deepEqual(texts, ['1 lines lost: no room', 'b', 'c', 'd']);
  await log[Symbol.asyncDispose]();
});
