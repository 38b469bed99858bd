import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jobBytes } from './job-bytes.ts';

const MiB = 1024 ** 2;

test('what outlives a job is counted: its files, its reports and what it left to be collected; no link is followed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'job-bytes-'));
  try {
    const file = (name: string, bytes = MiB): void => writeFileSync(join(folder, name), Buffer.alloc(bytes, 1));
    for (const below of ['tmp', 'reports/pages/deep', 'reports/other/deep'])
      mkdirSync(join(folder, below), { recursive: true });
    writeFileSync(join(folder, 'record.json'), JSON.stringify({ collect: { docs: 'pages' } }));
    file('output');
    file('reports/junit.xml');
    file('reports/pages/deep/index.html');
    const counted = jobBytes(folder, 0);
    assert.ok(counted >= 3 * MiB && counted < 8 * MiB, String(counted));
    // What nobody collects below the reports is gone with the job, and a link leads nowhere.
    file('reports/other/deep/page', 8 * MiB);
    symlinkSync('/usr', join(folder, 'reports/pages/usr'));
    assert.ok(jobBytes(folder, 0) < 8 * MiB);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a folder with more entries than are looked at counts as the most that may be kept', () => {
  const folder = mkdtempSync(join(tmpdir(), 'job-bytes-'));
  try {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), '');
    assert.ok(jobBytes(folder, 7 * MiB, 3) < MiB);
    assert.equal(jobBytes(folder, 7 * MiB, 2), 7 * MiB);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
