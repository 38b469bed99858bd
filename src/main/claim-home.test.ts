import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimHome } from './claim-home.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-claim-'));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const fresh = () => mkdtempSync(join(folder, 'home-'));

/** A process that claims as soon as it is told to, says what came of it, and stays. */
function claimant(home: string): { claim(): Promise<string>; kill(signal?: NodeJS.Signals): Promise<void> } {
  const script = `import { claimHome } from ${JSON.stringify(join(import.meta.dirname, 'claim-home.ts'))};
process.stdin.once('data', () => {
  try { claimHome(${JSON.stringify(home)}); console.log('held'); } catch (error) { console.log(error.code); }
});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  return {
    claim: () =>
      new Promise((resolve) => {
        child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
        child.stdin.write('go\n');
      }),
    kill: (signal = 'SIGKILL') =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill(signal);
      }),
  };
}

test('a home that was released, or whose holder is dead, is claimed again; one that is held is not', async () => {
  const home = fresh();
  const release = claimHome(home);
  assert.throws(() => claimHome(home), { code: 'home-in-use' });
  release();
  claimHome(home)();
  const other = claimant(home);
  assert.equal(await other.claim(), 'held');
  assert.throws(() => claimHome(home), { code: 'home-in-use' });
  await other.kill();
  claimHome(home)();
  assert.equal(readdirSync(home).length, 1);
});

test('a pid of another boot, or of a later process, holds nothing', () => {
  const home = fresh();
  symlinkSync(`${process.pid}:1:00000000-0000-0000-0000-000000000000`, join(home, 'claim-7'));
  claimHome(home)();
  assert.deepEqual(readdirSync(home), ['claim-8']);
});

test('of many that start in the same instant over a dead holder, one holds', async () => {
  for (let round = 0; round < 5; round += 1) {
    const home = fresh();
    symlinkSync(`1073741823:1:x`, join(home, 'claim-1'));
    const all = Array.from({ length: 6 }, () => claimant(home));
    const said = await Promise.all(all.map((one) => one.claim()));
    assert.deepEqual(said.sort(), ['held', ...Array(5).fill('home-in-use')]);
    await Promise.all(all.map((one) => one.kill()));
  }
});
