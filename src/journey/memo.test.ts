// What a kept verdict may stand for: the same tree under what holds now, or a tree that has been live.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobSpec } from '../domain/desired.ts';
import { FakeWorld } from './fake-world.ts';

const main = 'refs/heads/main';
const app = (text: string, more: Record<string, string> = {}) => ({
  'app.py': `print("${text}")\n`,
  Procfile: 'web: python3 app.py\n',
  ...more,
});

/** The jobs that ran, by the name of what they run; style finds nothing, and tests are found when `hasTests`. */
function follow(stage: FakeWorld): { tests: number; hasTests: boolean } {
  const seen = { tests: 0, hasTests: false };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = (spec: JobSpec) => {
    if (!('run_tests.py' in spec.files)) return { reports: styleReports };
    seen.tests += 1;
    return seen.hasTests ? passing : { exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } };
  };
  return seen;
}

const styleReports = { 'style.json': '{"count":0,"findings":[]}' };
const passing = {
  exitCode: 0,
  reports: {
    'tests.json': '{"runner":"unittest","notes":[]}',
    'junit.xml': '<testsuite><testcase classname="T" name="test_a" file="t.py" time="0"/></testsuite>',
  },
};

test('what passed without tests and never landed is asked again once main has tests', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  const one = await stage.commit(blog, app('one'), null);
  await stage.land(blog, one, null);
  // It passes, and its client goes away before it lands.
  const untested = await stage.commit(blog, app('untested'), one);
  const gone = new AbortController();
  stage.agent.boot = () => {
    gone.abort();
    return { state: 'healthy', healthStatus: 200 };
  };
  const left = await stage.push(blog, [{ ref: main, from: one, to: untested }], { signal: gone.signal });
  assert.equal(left.verdicts.get(main)?.isAccepted, false);
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 200 });
  seen.hasTests = true;
  const two = await stage.commit(blog, app('two', { 'test_app.py': 'x = 1\n' }), one);
  await stage.land(blog, two, one);
  assert.equal(stage.app().hasEverRunTests, true);

  seen.hasTests = false;
  const before = seen.tests;
  const again = await stage.commit(blog, app('untested'), two);
  const refused = await stage.push(blog, [{ ref: main, from: two, to: again }]);
  assert.match(JSON.stringify(refused.verdicts.get(main)), /main has tests/);
  assert.equal(seen.tests, before + 1);

  // A tree that was live needs no tests: it comes back at once.
  const back = await stage.commit(blog, app('one'), two);
  await stage.land(blog, back, two);
  assert.equal(seen.tests, before + 1);
});
