import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { callerOf, isArmed, kindOf, parseStep } from './seam.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-seam-'));
after(() => rmSync(folder, { recursive: true }));
const here = (name: string) => JSON.stringify(join(import.meta.dirname, name));

/** Runs a program with these files under `src/`, armed, and with this plan; how it ended, and what it passed. */
async function runArmed(files: Record<string, string>, plan = ''): Promise<{ end: unknown[]; passed: string[] }> {
  const place = mkdtempSync(join(folder, 'run-'));
  mkdirSync(join(place, 'src', 'journey'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, 'src', name), text);
  writeFileSync(join(place, 'plan.other'), `plan of a test\n${plan}`);
  const child = spawn(process.execPath, [join(place, 'src', 'main.ts')], {
    env: { ...process.env, LOCKSTEP_FAILPOINTS: `@${place}` },
    stdio: 'ignore',
  });
  const end = await once(child, 'exit');
  const passed = readFileSync(join(place, 'passed.other'), 'utf8').trim().split('\n');
  return { end, passed };
}

/** A new caller of a seam that is there already: it says nothing about failpoints. */
const newCaller = {
  'main.ts': `import { openDatabase } from ${here('../store/open.ts')};
import { later } from './journey/later.ts';
await later(openDatabase(':memory:'));`,
  'journey/later.ts': `import { atomicWrite } from ${here('atomic-write.ts')};
import { inTransaction } from ${here('../store/open.ts')};
export async function later(database: Parameters<typeof inTransaction>[0]): Promise<void> {
  await atomicWrite(${JSON.stringify(join(folder, 'a.txt'))}, 'x');
  await new Promise((resolve) => setImmediate(resolve));
  writeDown(database);
}
function writeDown(database: Parameters<typeof inTransaction>[0]): void {
  [1].forEach(() => inTransaction(database, () => {}));
}`,
};

test('nothing is armed unless somebody asks for it', () => {
  assert.equal(isArmed, false);
});

test('a new call of a seam gets its failpoints by itself, named after its caller', async () => {
  const { end, passed } = await runArmed(newCaller);
  assert.deepEqual(end, [0, null]);
  assert.deepEqual(passed, [
    // The migration of a new database.
    'store.commit:store/migrate.ts#migrate:before',
    'store.commit:store/migrate.ts#migrate:after',
    'atomicWrite:journey/later.ts#later:before',
    'atomicWrite:journey/later.ts#later:half',
    'atomicWrite:journey/later.ts#later:after',
    'store.commit:journey/later.ts#writeDown:before',
    'store.commit:journey/later.ts#writeDown:after',
  ]);
});

test('a step is done at the passing that it counts to, and the next one comes after it', async () => {
  const name = 'atomicWrite:journey/later.ts#later:half';
  const killed = await runArmed(newCaller, `kill 1 ${name}\n`);
  assert.deepEqual([killed.end, killed.passed.at(-1)], [[null, 'SIGKILL'], name]);
  const thrown = await runArmed(newCaller, 'throw 1 store.commit:journey/later.ts#writeDown:before\n');
  assert.deepEqual([thrown.end, thrown.passed.at(-1)], [[1, null], 'store.commit:journey/later.ts#writeDown:before']);
  const never = await runArmed(newCaller, `kill 2 ${name}\nkill 1 *\n`);
  assert.deepEqual(never.end, [0, null]);
  const any = await runArmed(newCaller, `throw 3 nowhere\n`);
  assert.deepEqual(any.end, [0, null]);
  const third = await runArmed(newCaller, `kill 5 *\n`);
  assert.deepEqual([third.end, third.passed.length], [[null, 'SIGKILL'], 5]);
  const file = here('atomic-write.ts').replace('atomic-write', 'seam');
  const after = `kill 1 elsewhere\nkill 1 *\n`;
  assert.deepEqual((await runArmed({ 'main.ts': `import { enter } from ${file}; enter('x');` }, after)).end, [0, null]);
});

test('the caller is the first function outside of the seams; a nameless one is called by what is around it', () => {
  const stack = [
    '    at enter (file:///x/src/lib/seam.ts:40:9)',
    '    at moveState (file:///x/src/store/transition.ts:35:5)',
    '    at transition (file:///x/src/store/transition.ts:28:5)',
    '    at inTransaction (file:///x/src/store/in-transaction.ts:7:5)',
    '    at file:///x/src/journey/recover.ts:112:43',
    '    at #insist (file:///x/src/journey/insist.ts:16:14)',
    '    at async work (file:///x/src/journey/recover.ts:112:5)',
  ];
  assert.equal(callerOf(stack, 'store.commit'), 'journey/recover.ts#work');
  const built = [
    '    at Object.put (file:///y/dist/router/router.js:5:9)',
    '    at async Server.<anonymous> (node:http:1:1)',
  ];
  assert.equal(callerOf(built, 'router.swap'), 'router/router.js#put');
  const inEngine = [
    '    at askEngine (file:///x/src/agent/engine/ask.ts:10:48)',
    '    at async speaking (file:///x/src/agent/engine/engine.ts:42:14)',
    '    at async makeContainer (file:///x/src/agent/engine/container.ts:22:20)',
    '    at async createFor (file:///x/src/agent/jobs/in-image.ts:190:25)',
  ];
  assert.equal(callerOf(inEngine, 'engine'), 'agent/jobs/in-image.ts#createFor');
});

test('processes are known by their command line, and what is not a step is none', () => {
  const check = (argv: string[], kind: string) => assert.equal(kindOf(argv), kind);
  check(['node', '/x/src/main/control.ts', '--port', '1'], 'control');
  check(['node', '/x/dist/main/router.js'], 'router');
  check(['node', '/x/src/cli/main.ts', 'up'], 'agent');
  check(['node', '/x/src/cli/main.ts', 'apps'], 'other');
  assert.deepEqual(parseStep('kill 2 a(b c):d'), { effect: 'kill', count: 2, name: 'a(b c):d' });
  for (const line of ['', 'kill x', 'pause 1 x', 'kill 1 ']) assert.equal(parseStep(line), null);
});
