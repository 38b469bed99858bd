// What a change's checks reported stays reachable: also of a rejected one, with the lines that no test ran, and for a while.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../domain/app.ts';
import type { ChangeId, CommitId } from '../domain/ids.ts';
import { listChanges } from '../store/changes.ts';
import { listQuality } from '../store/quality.ts';
import { liveRelease } from '../store/releases.ts';
import { trimReports } from '../store/reports.ts';
import { FakeWorld } from './fake-world.ts';
import { badgeOf } from './quality.ts';
import { listReports, openReport } from './reports.ts';
import { startRollback } from './rollback.ts';

const main = 'refs/heads/main';
const files = (text: string, more: Record<string, string> = {}) => ({
  ...{ 'app.py': `print("${text}")\n`, 'util.py': 'def f():\n    return "<b>"\n', Procfile: 'web: python3 app.py\n' },
  ...more,
});

type Finding = { file: string; line: number; rule: string; message: string };

function follow(stage: FakeWorld) {
  const seen = { findings: [] as Finding[], missed: 1 };
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  stage.agent.job = (spec) => {
    if ('run_docs.py' in spec.files) return { exitCode: 0, reports: { 'docs.json': '{"count":0,"findings":[]}' } };
    if (!('run_tests.py' in spec.files))
      return {
        exitCode: seen.findings.length > 0 ? 1 : 0,
        reports: { 'style.json': JSON.stringify({ count: seen.findings.length, findings: seen.findings }) },
      };
    const junit = '<testsuite><testcase classname="T" name="test_a" file="t.py" time="0"/></testsuite>';
    const lcov = `SF:util.py\nDA:1,1\nDA:2,${1 - seen.missed}\nend_of_record\nSF:../../etc/passwd\nDA:1,0\nend_of_record\n`;
    return {
      exitCode: 0,
      reports: { 'tests.json': '{"runner":"pytest","notes":[]}', 'junit.xml': junit, 'lcov.info': lcov },
    };
  };
  return seen;
}

const newest = (stage: FakeWorld, app: App): ChangeId => listChanges(stage.database, app.id, null, 1)[0]!.id;

async function reportsOf(stage: FakeWorld, app: App, id: ChangeId): Promise<string[]> {
  const until = performance.now() + 20_000;
  for (;;) {
    const found = await listReports(stage.world, app, id);
    if (found) return found.map(({ path }) => path);
    if (performance.now() > until) throw new Error('no reports came');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function text(stage: FakeWorld, app: App, id: ChangeId, path: string): Promise<string | null> {
  const opened = await openReport(stage.world, app, id, path);
  if (!opened) return null;
  const { answer, pack } = opened;
  const body = answer.body;
  let read = body && 'text' in body ? body.text : '';
  if (body && 'file' in body) for await (const chunk of pack.read(body.file)) read += String(chunk);
  pack.letGo();
  assert.match(answer.headers['content-security-policy']!, /^sandbox; default-src 'none'/);
  return read;
}

test('the reports of a landed and of a rejected change are kept, with pages of the lines that no test ran', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  const one = await stage.commit(blog, files('one'), null);
  await stage.land(blog, one, null);
  const first = newest(stage, blog);
  assert.deepEqual((await reportsOf(stage, blog, first)).sort(), [
    ...['coverage/index.html', 'docs/docs.json', 'findings.json', 'style/style.json'],
    ...['tests/junit.xml', 'tests/lcov.info', 'tests/tests.json'],
  ]);
  assert.match((await text(stage, blog, first, 'coverage/index.html'))!, /50 % of 2 lines/);
  assert.match(
    (await text(stage, blog, first, 'coverage/util.py.html'))!,
    /class="m"[^>]*><b>2<\/b> {4}return &#34;&#60;b&#62;&#34;/,
  );
  assert.match((await text(stage, blog, first, 'tests/junit.xml'))!, /^<testsuite>/);
  assert.equal(JSON.parse((await text(stage, blog, first, 'findings.json'))!).outcome, 'passed');
  for (const path of [
    'coverage.json',
    'sources/util.py',
    'nothing',
    '../findings.json',
    'coverage/etc/passwd.html',
    '%00',
  ])
    assert.equal(await text(stage, blog, first, path), null, path);

  const two = await stage.commit(blog, files('two'), one);
  await stage.land(stage.app(), two, one);
  const { id } = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  for await (const step of stage.world.progress.follow(id as never, AbortSignal.timeout(20_000))!)
    if ('end' in step) assert.equal(step.end.ok, true, step.end.reason ?? '');
  const same = await text(stage, blog, id as ChangeId, 'findings.json');
  assert.equal(JSON.parse(same!).change, first, 'a tree that was checked before has the reports of then');

  const tip = liveRelease(stage.database, blog.id)!.commit;
  seen.findings = [{ file: 'app.py', line: 1, rule: 'E501', message: 'long' }];
  const bad = await stage.commit(blog, files('bad'), tip);
  const { verdicts } = await stage.push(stage.app(), [{ ref: main, from: tip, to: bad }]);
  assert.equal(verdicts.get(main)?.isAccepted, false);
  const rejected = newest(stage, blog);
  assert.ok((await reportsOf(stage, blog, rejected)).includes('findings.json'));
  const { checks } = JSON.parse((await text(stage, blog, rejected, 'findings.json'))!);
  assert.equal(checks.find((one: { name: string }) => one.name === 'style').findings[0].line, 1);
});

test('of many reports the oldest go first, by their number and by their size', async () => {
  using stage = new FakeWorld();
  follow(stage);
  const blog = await stage.createApp();
  const ids: ChangeId[] = [];
  let tip: CommitId | null = null;
  for (const text of ['one', 'two', 'three']) {
    const next: CommitId = await stage.commit(blog, files(text), tip);
    await stage.land(stage.app(), next, tip);
    ids.push(newest(stage, blog));
    await reportsOf(stage, blog, ids.at(-1)!);
    tip = next;
  }
  const there = async () => Promise.all(ids.map(async (id) => (await listReports(stage.world, blog, id)) !== null));
  trimReports(stage.database, blog.id, { changes: 2, bytes: 1024 ** 2 });
  assert.deepEqual(await there(), [false, true, true]);
  trimReports(stage.database, blog.id, { changes: 2, bytes: 1 });
  assert.deepEqual(await there(), [false, false, true], 'the newest stays, however large');
});

test('a legacy app comes to fewer findings over ten changes, and its figures outlive its verdicts', async () => {
  using stage = new FakeWorld();
  const seen = follow(stage);
  const blog = await stage.createApp();
  const finding = (line: number): Finding => ({ file: 'util.py', line, rule: 'E1', message: 'old' });
  seen.findings = Array.from({ length: 20 }, (_, at) => finding(at + 100));
  let tip = await stage.commit(blog, files('zero'), null);
  await stage.land(blog, tip, null);
  for (let at = 1; at <= 9; at += 1) {
    seen.findings = Array.from({ length: 20 - 2 * at }, (_, line) => finding(line + 100));
    const next = await stage.commit(blog, files(`${at}`, { 'util.py': `def f():\n    return ${at}\n` }), tip);
    await stage.land(stage.app(), next, tip);
    tip = next;
  }
  stage.database.exec('UPDATE changes SET verdict = NULL');
  const rows = listQuality(stage.database, blog.id, 10);
  assert.deepEqual(
    rows.map(({ figures }) => figures.findings),
    [20, 18, 16, 14, 12, 10, 8, 6, 4, 2],
  );
  assert.deepEqual(
    rows.map(({ version }) => version),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.equal(rows[0]?.figures.coverage, 0.5);
  assert.deepEqual([rows[0]?.figures.tests, rows[0]?.figures.flaky], [1, 0]);

  seen.findings = [];
  const aside = await stage.commit(
    blog,
    files('9', { 'util.py': 'def f():\n    return 9\n', 'other.py': 'x = 1\n' }),
    tip,
  );
  await stage.land(stage.app(), aside, tip);
  assert.equal(
    listQuality(stage.database, blog.id, 1)[0]?.figures.findings,
    2,
    'a file that was not looked at keeps its own',
  );

  const { id } = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  for await (const step of stage.world.progress.follow(id as never, AbortSignal.timeout(20_000))!)
    if ('end' in step) assert.equal(step.end.ok, true, step.end.reason ?? '');
  assert.equal(listQuality(stage.database, blog.id, 1)[0]?.figures.findings, 20, 'a rollback has what that tree had');
});

test('a badge says what the last figures are, and that nothing has landed', async () => {
  using stage = new FakeWorld();
  follow(stage);
  const blog = await stage.createApp();
  assert.deepEqual((await badgeOf(stage.world, blog, 'gate')).value, 'nothing landed');
  assert.deepEqual((await badgeOf(stage.world, blog, 'coverage')).value, 'not measured');
  await stage.land(blog, await stage.commit(blog, files('one'), null), null);
  assert.deepEqual(await badgeOf(stage.world, blog, 'coverage'), { label: 'coverage', value: '50%', colour: 'yellow' });
  assert.deepEqual(await badgeOf(stage.world, blog, 'gate'), { label: 'gate', value: 'passing', colour: 'green' });
  assert.deepEqual((await badgeOf(stage.world, blog, 'docs')).value, 'none');
});
