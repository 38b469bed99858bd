import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
