import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { boundLog } from './bound-log.ts';

test('a log that has grown is put aside, and whoever has it open goes on in the emptied one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-log-'));
  const file = join(folder, 'control.log');
  const open = openSync(file, 'a', 0o600);
  try {
    assert.equal(boundLog(join(folder, 'none.log'), 10), false);
    writeSync(open, 'first\n');
    assert.equal(boundLog(file, 10), false);
    writeSync(open, 'second\n');
    assert.equal(boundLog(file, 10), true);
    writeSync(open, 'third\n');
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'first\nsecond\n');
    assert.equal(readFileSync(file, 'utf8'), 'third\n');
    writeSync(open, 'fourth\n');
    assert.equal(boundLog(file, 10), true);
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'third\nfourth\n');
  } finally {
    closeSync(open);
    rmSync(folder, { recursive: true });
  }
});
