// What people see of a change: in the push, live from another terminal, and afterwards; and that a flaky test blocks nobody, is
// named, and is counted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { leftOver } from './support/left-over.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'shop';
const tests = (...bodies: string[]) =>
  `import os\nimport time\nimport unittest\n\n\nclass Shop(unittest.TestCase):\n${bodies.join('\n')}`;
const steady = `    def test_steady(self):
        self.assertTrue(os and time)
`;
const flaky = `    def test_slow(self):
        is_first = not os.path.exists("ran-once")
        open("ran-once", "w").close()
        self.assertFalse(is_first, "the first time")
`;
const broken = `    def test_broken(self):
        time.sleep(1)
        self.assertEqual(2, 3)
`;

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, {
    'index.html': '<h1>Page 1</h1>\n',
    'test_shop.py': tests(steady),
    Procfile: 'web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n',
  });
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

async function nextPage(number: number): Promise<void> {
  await stage.edit(work, 'index.html', /Page \d+/, `Page ${number}`);
}

test('a push ends its gate with a table of the checks and their times', async () => {
  const said = await stage.deploy(work);
  const table = /remote: checks: *\n((?:remote: {3}.*\n)+)/.exec(said)?.[1] ?? '';
  for (const name of ['style', 'tests', 'build', 'boot'])
    assert.match(table, new RegExp(`remote: +${name} +ok +[\\d.]+s`), said);
});

test('a test that fails and passes when it runs again lands, is named, and is listed after the third time', async () => {
  for (const round of [2, 3, 4]) {
    if (round === 2) stage.write(work, { 'test_shop.py': tests(steady, flaky) });
    await nextPage(round);
    const said = await stage.deploy(work);
    assert.match(said, /tests ok [\d.]+s: 2 tests, 1 flaky/, said);
    assert.match(said, /test_shop\.py::Shop\.test_slow failed, and passed when it ran again: flaky/);
    const { body } = await stage.api(`/apps/${app}/quality`);
    assert.deepEqual(
      body.flakyTests.map(({ test, times }: { test: string; times: number }) => [test, times]),
      round < 4 ? [] : [['test_shop.py::Shop.test_slow', 3]],
    );
  }
  const shown = await stage.lockstep(['quality', '-a', app]);
  assert.match(shown.stdout, /test_shop\.py::Shop\.test_slow {2}3 of the last 4 gates {2}tests\n/);
  assert.match((await stage.get(app)).body, /Page 4/);
});

test('a change is followed from another terminal, then shown with its finding, the lines around it, and how to reproduce it', async () => {
  stage.write(work, { 'test_shop.py': tests(steady, broken) });
  await nextPage(5);
  const pushing = stage.push(work);
  await stage.untilChange(app, 'gating');
  const follower = await stage.lockstep(['change', '--follow', '-a', app]);
  const pushed = await pushing;
  assert.notEqual(pushed.code, 0);
  assert.match(pushed.stderr, /tests FAILED [\d.]+s: test_shop\.py:12 Shop\.test_broken: (?:AssertionError: )?2 != 3/);
  assert.match(
    pushed.stderr,
    /REJECTED by tests; main and live unchanged at [0-9a-f]{7}; reproduce: lockstep gate --only tests/,
  );
  assert.equal(follower.code, 1, follower.stderr);
  assert.match(
    follower.stderr,
    /tests FAILED [\d.]+s: test_shop\.py:12/,
    'from the beginning to the end, as it is said',
  );
  const { number } = await stage.lastChange(app);
  const later = await stage.lockstep(['change', String(number), '-a', app]);
  for (const shown of [follower.stdout, later.stdout]) {
    assert.match(shown, new RegExp(`^#${number} rejected {2}push by owner`));
    assert.match(shown, / {2}tests +FAILED +[\d.]+s {2}1 of 2 tests failed/);
    assert.match(shown, / {2}test_shop\.py:12 Shop\.test_broken: (?:AssertionError: )?2 != 3\n/);
    assert.match(shown, / {6}11 \| {9}time\.sleep\(1\)\n {4}> 12 \| {9}self\.assertEqual\(2, 3\)\n/);
    assert.match(shown, /reproduce: lockstep gate --only tests\n$/);
  }
  const listed = await stage.lockstep(['changes', '--state', 'rejected', '-a', app, '--json']);
  assert.deepEqual(
    JSON.parse(listed.stdout).map((one: { number: number }) => one.number),
    [number],
  );
  assert.equal((await stage.lockstep(['change', '99', '-a', app])).code, 66);
});
