// The gate on one's own checkout says what the server says, of the same commit: in the same words, with the same findings and
// figures. And it moves nothing.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Json, root, Stage } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'guestbook';
/** What the example says already; three lines. */
const own = 'volumes:\n  data: data\nhealth: /health\n';
const configFile = 'guestbook/config.py';

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, join(root, 'examples', 'flask-guestbook'));
  await stage.deploy(work);
  // Fetched once for both: who has them already does not wait for them.
  cpSync(join(stage.home, 'toolchains'), join(cache(), 'toolchains'), { recursive: true, verbatimSymlinks: true });
});
after(() => stage[Symbol.asyncDispose]());

const cache = () => join(stage.folder, 'cache');
const gate = (...words: string[]) => stage.lockstep(['gate', '--cache', cache(), ...words], { cwd: work });

async function local(...words: string[]): Promise<{ code: number | null; said: Json }> {
  const { code, stdout, stderr } = await gate('--json', ...words);
  assert.match(stdout, /^\{/, stderr);
  return { code, said: JSON.parse(stdout) };
}

/** What is the same wherever a check ran. */
const essence = (checks: Json[]) =>
  checks
    .map(({ kind, name, outcome, summary, findings, findingCount, metrics }) => ({
      ...{ kind, name, outcome, summary, findings, findingCount },
      metrics: Object.fromEntries(Object.entries(metrics).filter(([key]) => !/ms$|seconds/i.test(key))),
    }))
    // What another check's failure cut short depends on who was quicker.
    .filter(({ outcome }) => outcome !== 'skipped')
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** Asks here first, then pushes; the answers must be one. */
async function isTheSame(expected: 'passed' | 'rejected'): Promise<Json[]> {
  const here = await local('--committed');
  assert.equal(here.said.outcome, expected, JSON.stringify(here.said, null, 1));
  assert.equal(here.code, expected === 'passed' ? 0 : 1);
  const pushed = await stage.push(work);
  assert.equal(pushed.code, expected === 'passed' ? 0 : 1, pushed.stderr);
  const change = await stage.lastChange(app);
  const decisive = (checks: Json[]) => {
    const all = essence(checks);
    return expected === 'passed' ? all : all.filter(({ outcome }) => outcome === 'failed');
  };
  const { body } = await stage.api(`/apps/${app}/changes/${change.id}`);
  assert.deepEqual(decisive(here.said.checks), decisive(body.checks ?? body.verdict.checks));
  return here.said.checks;
}
const undo = () => stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');

test('a green change passes here as it does there', async () => {
  await stage.edit(work, configFile, /^HEADLINE = .*$/m, 'HEADLINE = "Hello from here"');
  const checks = await isTheSame('passed');
  for (const name of ['style', 'tests', 'coverage', 'build', 'boot'])
    assert.ok(
      checks.some((one) => one.name === name && one.outcome === 'passed'),
      name,
    );
});

test('a style finding is refused by the same file and line', async () => {
  await stage.edit(work, configFile, /$/, '\nimport os,sys\n');
  const checks = await isTheSame('rejected');
  assert.equal(checks.find((one) => one.name === 'style').findings[0].file, configFile);
  await undo();
});

test('a test that fails is refused by its name', async () => {
  await stage.edit(work, 'tests/test_config.py', /$/, '\n\ndef test_sums():\n    assert 2 == 3\n').catch(async () => {
    stage.write(work, { 'tests/test_sums.py': 'def test_sums():\n    assert 2 == 3\n' });
    await stage.commit(work, 'sums');
  });
  const checks = await isTheSame('rejected');
  const { findings } = checks.find((one) => one.name === 'tests');
  assert.equal(findings[0].rule, 'test_sums');
  assert.match(findings[0].message, /assert 2 == 3/);
  await undo();
});

test('a weaker gate is refused in the same words, and an admin lands it with a record in the ledger', async () => {
  stage.write(work, { 'lockstep.yml': `${own}gate:\n  style: { new: 2 }\n  coverage:\n    patch: 50%\n` });
  await stage.commit(work, 'weaken');
  const checks = await isTheSame('rejected');
  const policy = checks.find((one) => one.name === 'policy');
  assert.deepEqual(
    policy.findings.map(({ file, line, rule }: Json) => [file, line, rule]),
    [
      ['lockstep.yml', 5, 'weaker gate'],
      ['lockstep.yml', 7, 'weaker gate'],
    ],
  );
  assert.match(policy.findings[0].message, /git push -o allow-weaken/);
  const made = await stage.lockstep(['tokens', 'create', 'dev', '--rights', 'read,deploy', '--json']);
  const { secret } = JSON.parse(made.stdout);
  const refused = await stage.git(
    work,
    ...['-c', 'credential.helper=', '-c', `http.extraHeader=Authorization: Bearer ${secret}`],
    ...['push', '-o', 'allow-weaken', 'lockstep', 'main'],
  );
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /lacks the admin right/);
  const landed = await stage.git(work, 'push', '-o', 'allow-weaken', 'lockstep', 'main');
  assert.equal(landed.code, 0, landed.stderr);
  assert.match(landed.stderr, /policy warning: weakened by an admin: gate\.style\.new/);
  const { body } = await stage.api(`/apps/${app}/events?limit=200`);
  const events: Json[] = body.items ?? body.events ?? body;
  assert.ok(
    events.some(({ type }) => type === 'gate.weakened'),
    JSON.stringify(events.map(({ type }) => type)),
  );
});

test('raising it is free, with a check of its own that asks the running candidate; from then on that counts', async () => {
  stage.write(work, {
    'lockstep.yml': `${own}gate:\n  coverage: { min: 90% }\n  checks:\n    answers: { run: python3 ask.py, needs: release }\n`,
    'ask.py':
      '"""Ask the candidate."""\nimport os\nimport urllib.request\n\nprint(urllib.request.urlopen(os.environ["GATE_URL"]).status)\n',
  });
  await stage.commit(work, 'raise');
  const checks = await isTheSame('passed');
  assert.equal(checks.find((one) => one.name === 'answers').outcome, 'passed');
  stage.write(work, { 'lockstep.yml': `${own}gate:\n  checks: { tests: "true" }\n` });
  await stage.commit(work, 'true');
  const policy = (await isTheSame('rejected')).find((one) => one.name === 'policy');
  const said = policy.findings.map(({ message }: Json) => message).join('\n');
  assert.match(said, /tests would be a command that proves nothing/);
  assert.match(said, /the floor of the coverage is 90% on main, and none here/);
  assert.match(said, /main has a check answers, and it is gone here/);
  await undo();
});

test('what is not committed counts too, and nothing of the repository is touched', async () => {
  const objects = async () => (await stage.git(work, 'count-objects', '-v')).stdout;
  const index = join(work, '.git', 'index');
  await stage.git(work, 'status');
  const standing = {
    objects: await objects(),
    index: readFileSync(index),
    refs: (await stage.git(work, 'show-ref')).stdout,
  };
  writeFileSync(join(work, 'guestbook', 'fresh.py'), '"""Fresh."""\nx=1\n');
  const { code, said } = await local('--only', 'style');
  assert.equal(code, 1);
  assert.equal(said.isDirty, true);
  // One look at the files answers for docstrings, too.
  const names: string[] = said.checks.map(({ name }: Json) => name);
  assert.deepEqual(
    names.filter((name) => name !== 'docstrings'),
    ['style'],
  );
  const [finding] = said.checks.find(({ name }: Json) => name === 'style').findings;
  assert.deepEqual([finding.file, finding.line], ['guestbook/fresh.py', 2]);
  assert.deepEqual(
    { objects: await objects(), index: readFileSync(index), refs: (await stage.git(work, 'show-ref')).stdout },
    standing,
  );
  assert.equal((await gate('--committed')).code, 0, 'the commit itself is well');
  await stage.git(work, 'clean', '-fdq');
});

test('--fix lets the configured tool mend changed files, says which, and leaves the others', async () => {
  stage.write(work, { 'ruff.toml': 'line-length = 100\n[lint]\nselect = ["E", "F", "I"]\n[format]\n' });
  await stage.commit(work, 'ruff');
  const untouched = readFileSync(join(work, 'wsgi.py'), 'utf8');
  stage.write(work, { 'guestbook/fresh.py': '"""Fresh."""\nimport sys\nimport os\n\nx=[os,sys]\n' });
  const red = await gate('--only', 'style');
  assert.equal(red.code, 1, red.stdout + red.stderr);
  const mended = await gate('--fix', '--only', 'style', '--base', 'HEAD');
  assert.equal(mended.code, 0, mended.stdout + mended.stderr);
  assert.match(mended.stdout, /^ruff check .*may write 1 file$/m);
  assert.match(mended.stdout, /^mended guestbook\/fresh\.py$/m);
  assert.equal(
    readFileSync(join(work, 'guestbook/fresh.py'), 'utf8'),
    '"""Fresh."""\n\nimport os\nimport sys\n\nx = [os, sys]\n',
  );
  assert.equal(readFileSync(join(work, 'wsgi.py'), 'utf8'), untouched);
  await stage.git(work, 'clean', '-fdq');
  await undo();
});

test('--print says what would run and where it was said', async () => {
  const { stdout, code } = await gate('--print');
  assert.equal(code, 0);
  assert.match(stdout, /^main: [0-9a-f]{7} \(lockstep\/main\)$/m);
  assert.match(stdout, /^tests +.*run_tests\.py.* default$/m);
  assert.match(stdout, /^answers +python3 ask\.py +lockstep\.yml:7$/m);
  assert.match(stdout, /^coverage\.min +90% +lockstep\.yml:5$/m);
});

test("the hook asks before a push leaves, and somebody else's hook stays", async () => {
  const hook = join(work, '.git', 'hooks', 'pre-push');
  mkdirSync(join(work, '.git', 'hooks'), { recursive: true });
  writeFileSync(hook, '#!/bin/sh\nexit 0\n');
  const refused = await gate('--install-hook');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /somebody else's hook/);
  assert.equal(readFileSync(hook, 'utf8'), '#!/bin/sh\nexit 0\n');
  await stage.run(['rm', hook]);
  assert.equal((await gate('--install-hook')).code, 0);
  assert.ok(existsSync(hook) && (statSync(hook).mode & 0o100) !== 0);
  assert.match(readFileSync(hook, 'utf8'), /gate --committed/);
  assert.equal((await gate('--install-hook')).code, 0, 'ours is written again');
  await stage.run(['rm', hook]);
});
