// The runner of pre-commit hooks on real files: what fails, what edits, what cannot run, each told and none in silence.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { preCommit } from '../checks/pre-commit.ts';
import { hookTools, readHooks } from '../checks/pre-commit-hooks.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';

const home = mkdtempSync(join(tmpdir(), 'lockstep-precommit-'));
after(() => rmSync(home, { recursive: true, force: true }));

function run(config: string, files: Record<string, string>, changed = Object.keys(files)) {
  const tree = mkdtempSync(join(home, 'tree-'));
  const reports = mkdtempSync(join(home, 'reports-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
    if (path.endsWith('.sh')) chmodSync(join(tree, path), 0o755);
  }
  writeFileSync(join(reports, 'hooks.json'), JSON.stringify({ hooks: readHooks(config), files: changed }));
  const script = join(import.meta.dirname, 'precommit.py');
  const argv = ['-I', script, '--hooks', join(reports, 'hooks.json'), '--out', join(reports, 'out.json')];
  const { status, stderr } = spawnSync('/usr/bin/python3', argv, { cwd: tree, encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
  const { findings, notes } = parseFindingsJson(readFileSync(join(reports, 'out.json'), 'utf8'))!;
  for (const [path, text] of Object.entries(files))
    assert.equal(readFileSync(join(tree, path), 'utf8'), text, 'the tree stays');
  return { said: findings.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`), notes };
}

const local = (...hooks: string[]) =>
  `repos:\n- repo: local\n  hooks:\n${hooks.map((one) => `  - {${one}}\n`).join('')}`;

test('a hook that fails is a finding, with the place that it names', () => {
  const config = local(
    'id: todo, name: No TODO, language: pygrep, entry: TODO, types: [python]',
    'id: words, name: w, language: script, entry: tools/check.sh, files: \\.txt$',
    'id: never, name: n, language: fail, entry: no such files, files: ^secret/',
    'id: fine, name: f, language: system, entry: "true", pass_filenames: false, always_run: true',
    'id: silent, name: s, language: system, entry: "false", files: \\.txt$',
  );
  const { said, notes } = run(config, {
    'a.py': 'x = 1\n# TODO\n',
    'b.txt': 'TODO\n',
    'secret/key': 'k',
    'tools/check.sh': '#!/bin/sh\nfor file; do echo "$file:1:2: bad word"; done\nexit 1\n',
  });
  assert.deepEqual(said, [
    'a.py:2 todo: No TODO',
    'b.txt:1 words: bad word',
    'secret/key:null never: no such files',
    'null:null silent: exit 1',
  ]);
  assert.deepEqual(notes, []);
});

test('a hook that edits files is a finding by line, also when it ends with 0, and nobody else sees what it wrote', () => {
  const edit = 'language: system, entry: sed -i s/bad/good/, files: \\.txt$';
  const { said } = run(local(`id: one, name: o, ${edit}`, `id: two, name: t, ${edit}`), {
    'sub/a.txt': 'fine\nbad\n',
    'b.txt': 'fine\n',
  });
  assert.deepEqual(said, ['sub/a.txt:2 one: the hook writes "good"', 'sub/a.txt:2 two: the hook writes "good"']);
});

test('only changed files are looked at, and hooks of other stages are none', () => {
  const config = `default_stages: [pre-push]\n${local(
    'id: all, name: a, language: pygrep, entry: x, stages: [pre-commit]',
    'id: late, name: l, language: pygrep, entry: x',
  )}`;
  assert.deepEqual(run(config, { 'a.txt': 'x', 'b.txt': 'x' }, ['b.txt']).said, ['b.txt:1 all: a']);
});

test('what cannot run is named each time, with the reason', () => {
  const config = `${local(
    'id: env, name: e, language: python, entry: x',
    'id: deps, name: d, language: system, entry: "true", additional_dependencies: [x]',
    'id: gone, name: g, language: system, entry: no-such-program-here',
    'id: kind, name: k, language: system, entry: "true", types: [cobol]',
    'id: pattern, name: p, language: pygrep, entry: "("',
  )}- repo: https://example.org/hooks\n  rev: v1\n  hooks: [{id: end-of-file-fixer}, {id: check-yaml}, {id: black}]\n`;
  const { said, notes } = run(config, { 'a.txt': 'x' });
  assert.deepEqual(said, []);
  assert.deepEqual(
    notes.map((note) => note.split(':')[0]),
    [
      ...['env', 'deps', 'gone', 'kind', 'pattern'].map((id) => `${id} was not run`),
      'end-of-file-fixer, check-yaml were not run',
    ],
  );
  assert.deepEqual(hookTools(readHooks(config)!), ['black']);
});

test('a configuration that is none is no pass', () => {
  for (const text of ['', '[]', 'repos: 3', 'repos: [', '&a [*a]', 'x'.repeat(100)]) {
    assert.equal(readHooks(text), null, text.slice(0, 20));
    const facts = { paths: [], texts: new Map([['.pre-commit-config.yaml', text]]), changed: null, testEnv: {} };
    assert.ok(preCommit.applies(facts));
    const job = { endedBy: 'exit', exitCode: 0, signal: null, outputTail: [], reports: {} } as never;
    assert.equal([preCommit.judge(facts, job)].flat()[0]!.outcome, 'failed');
  }
  const aliases = `a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [${'*a, '.repeat(200)}]\nrepos: [*b]\n`;
  assert.equal(readHooks(aliases), null, 'an entity bomb');
});
