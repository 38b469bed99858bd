// API pages are those that main has, when they are made from the same: nothing is built or collected then, and the new release
// serves main's pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitId, Digest } from '../domain/ids.ts';
import type { JobSpec } from '../domain/job.ts';
import { liveDocs } from '../store/releases.ts';
import { FakeWorld } from './fake-world.ts';

const main = 'refs/heads/main';
const letter = (one: string) => one.repeat(64);
type Given = { context: string; known: string | null; pages: number; leftOut: string[] };

/** An app whose API pages are made from `from` (null: nobody can say), by a runner that keeps to what it is given. */
function follow(stage: FakeWorld) {
  const seen = { from: letter('1') as string | null, given: [] as Given[], built: 0, count: 0 };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = (spec: JobSpec) => {
    if ('run_tests.py' in spec.files) return { exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } };
    if (!('run_docs.py' in spec.files)) return {};
    const given = JSON.parse(spec.late!['made-from.json']!) as Given;
    seen.given.push(given);
    const isBuilt = seen.from === null || given.known !== seen.from;
    if (isBuilt) seen.built += 1;
    const docs = { count: seen.count, findings: [], notes: [], pages: isBuilt ? 3 : given.pages };
    return {
      reports: {
        'docs.json': JSON.stringify(docs),
        'made-from.json': JSON.stringify({ digest: seen.from, isBuilt, doubt: null }),
      },
    };
  };
  stage.agent.folder = () => ({ 'index.html': `built ${seen.built}` });
  return seen;
}

test('pages that are made from what main has are taken from main, and others are built', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  let tip: CommitId | null = null;
  let count = 0;
  const push = async (files: Record<string, string> = {}, options: string[] = []) => {
    count += 1;
    const all = { 'app.py': `"""App ${count}."""\n`, Procfile: 'web: python3 app.py\n', ...files };
    const next = await stage.commit(blog, all, tip);
    const { said, verdicts } = await stage.push(stage.app(), [{ ref: main, from: tip, to: next }], { options });
    assert.equal(verdicts.get(main)?.isAccepted, true, said.join('\n'));
    tip = next;
    return said.find((line) => line.startsWith('docs ')) ?? '';
  };
  const served = (): Digest | undefined => liveDocs(stage.database, blog.name)?.sites[0]?.digest;

  assert.match(await push(), /^docs ok .*: 3 pages \(pdoc\)$/);
  const first = served();
  assert.ok(first);
  assert.deepEqual([seen.built, seen.given[0]!.known], [1, null], 'there is no main yet');
  assert.match(await push(), /: 3 pages \(pdoc\), as on main$/);
  assert.deepEqual([served(), seen.built, seen.given[1]!.known], [first, 1, letter('1')]);

  seen.from = letter('2');
  assert.match(await push(), /: 3 pages \(pdoc\)$/);
  assert.notEqual(served(), first);
  assert.equal(seen.built, 2);
  seen.from = null;
  for (const built of [3, 4]) {
    await push();
    assert.equal(seen.built, built, 'nobody can say what they are made from');
  }
  assert.equal(seen.given.at(-1)!.known, null);

  seen.from = letter('3');
  await push();
  assert.match(await push(), /as on main$/);
  await stage.world.shelf.forget(blog.id);
  assert.match(await push(), /: 3 pages \(pdoc\)$/, 'main has no pages any more');
  assert.match(await push({}, ['recheck']), /: 3 pages \(pdoc\)$/, 'it was asked to look again');
  assert.equal(seen.given.at(-1)!.known, null);
  stage.world.shelf.close();
});

test('what the job may not see from the candidate alone is in the context', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  let tip: CommitId | null = null;
  const contextWith = async (files: Record<string, string>) => {
    const all = { 'app.py': '"""App."""\n', Procfile: 'web: python3 app.py\n', VERSION: '1', ...files };
    const next = await stage.commit(blog, all, tip);
    await stage.land(stage.app(), next, tip);
    tip = next;
    return seen.given.at(-1)!.context;
  };
  const first = await contextWith({});
  assert.equal(await contextWith({ 'app.py': '"""Another."""\n', 'page.html': 'x', 'test_a.py': '' }), first);
  assert.notEqual(await contextWith({ VERSION: '2' }), first, 'a file that it could read');
  stage.agent.interpreters = [{ id: 'py2', kind: 'python', version: '3.12.1' }];
  assert.notEqual(await contextWith({}), first, 'the interpreter');
});
