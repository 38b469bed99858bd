import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmallDisk } from '../../test/support/small-disk.ts';
import { until } from '../../test/support/stage.ts';
import { UpRecord } from './up-record.ts';

test('a record that the disk takes no more is taken away, and written when there is room', async (context) => {
  using disk = SmallDisk.mount({ megabytes: 1, kind: 'tmpfs' });
  if (disk === null) return context.skip('a disk of its own cannot be mounted here');
  const file = join(disk.path, 'up.json');
  writeFileSync(file, '{"pid":1}');
  const ended = new AbortController();
  const said: string[] = [];
  let pid = 2;
  const record = new UpRecord({
    ...{ file, signal: ended.signal, content: () => ({ pid }) },
    say: (message) => said.push(message),
  });
  disk.fill();
  await record.write();
  assert.equal(existsSync(file), false);
  assert.deepEqual(said, ['the record of what runs waits to be written: the disk is full']);
  disk.fill();
  await record.write();
  assert.equal(said.length, 1, 'it waits already');
  pid = 3;
  rmSync(join(disk.path, 'filler'));
  await until(
    () => existsSync(file),
    10_000,
    () => 'it is not written',
  );
  assert.equal(readFileSync(file, 'utf8'), '{"pid":3}\n', 'what is so by then');
  assert.deepEqual(readdirSync(disk.path), ['up.json']);
  pid = 4;
  await record.write();
  assert.equal(readFileSync(file, 'utf8'), '{"pid":4}\n');
  ended.abort();
});
