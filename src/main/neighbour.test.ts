import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../config/config.ts';
import { Neighbour } from './neighbour.ts';

test('A start that fails leaves no descriptor open, however often it is tried again', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-neighbour-'));
  for (const name of ['run', 'logs']) mkdirSync(join(home, name));
  const config = readConfig({ home, port: '1' }, {}, false);
  const neighbour = new Neighbour('router', config, { control: null, router: null, why: [] }, () => []);
  const program = process.execPath;
  const openFiles = (): number => readdirSync('/proc/self/fd').length;
  try {
    process.execPath = join(home, 'no-such-program');
    const attempt = () => assert.rejects(neighbour.start(1, new AbortController().signal), { code: 'ENOENT' });
    await attempt();
    const before = openFiles();
    for (let tries = 0; tries < 5; tries += 1) await attempt();
    assert.equal(openFiles(), before);
  } finally {
    process.execPath = program;
    rmSync(home, { recursive: true });
  }
});

test('a start that ends without a word is told by how it ended, and never by what an earlier one said', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-neighbour-'));
  for (const name of ['run', 'logs']) mkdirSync(join(home, name));
  const config = readConfig({ home, port: '1' }, {}, false);
  const neighbour = new Neighbour('router', config, { control: null, router: null, why: [] }, () => []);
  const log = join(home, 'logs', 'router.log');
  writeFileSync(log, '{"message":"what an earlier one said"}\n');
  const program = process.execPath;
  const failsAs = async (script: string, message: RegExp) => {
    process.execPath = join(home, 'program');
    writeFileSync(process.execPath, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    try {
      await assert.rejects(neighbour.start(1, new AbortController().signal), { code: 'internal', message });
    } finally {
      process.execPath = program;
    }
  };
  try {
    await failsAs('kill -BUS $$', /^router did not start: it was ended by SIGBUS, and said nothing$/);
    await failsAs('exit 3', /^router did not start: it ended with exit code 3, and said nothing$/);
    await failsAs('echo "no such module"; exit 1', /^router did not start: no such module$/);
  } finally {
    rmSync(home, { recursive: true });
  }
});
