import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { goProgramFolder, makeGoProgram } from '../../agent/toolchains/go-program.ts';
import { goPrograms } from '../../agent/toolchains/pins.ts';
import { fail } from '../../domain/errors.ts';
import type { GateFacts } from '../check.ts';
import { runGate } from '../gate.ts';
import { goLint } from './go-lint.ts';

const pinned = goPrograms['golangci-lint'];
const factsOf = (files: Record<string, string>): GateFacts => ({
  ...{ paths: Object.keys(files), texts: new Map(Object.entries(files)), changed: null, testEnv: {} },
});
const files = { 'go.mod': 'module example.org/a\n', 'a.go': 'package a\n', '.golangci.yml': 'version: "2"\n' };

test('golangci-lint that cannot be had is named with what is missing, and blocks nobody', async () => {
  const said = ['go: github.com/golangci/golangci-lint/v2: no route to host'];
  const { verdict, results } = await runGate({
    ...{ facts: factsOf(files), checks: [goLint], policy: { hasEverRunTests: false, main: null }, others: [] },
    runJob: async () => {
      throw fail('internal', 'The tool golangci-lint could not be fetched.', { details: { said } });
    },
    ...{ onResult: () => {}, signal: new AbortController().signal, now: () => 0 },
  });
  assert.deepEqual([verdict?.outcome, results[0]!.name], ['passed', 'golangci-lint']);
  assert.deepEqual(results[0]!.warnings, [`left out: The tool golangci-lint could not be fetched. (${said[0]})`]);
});

test("a project's own version goes first, when its go.mod names it as a tool", () => {
  const words = (more: string) => {
    const { command } = goLint.plan(factsOf({ ...files, 'go.mod': `${files['go.mod']}${more}` }))!;
    return 'argv' in command ? command.argv.at(-1) : null;
  };
  const path = 'github.com/golangci/golangci-lint/v2/cmd/golangci-lint';
  assert.equal(words(''), '{tool:golangci-lint}');
  assert.equal(words(`tool ${path}\n`), 'own');
  assert.equal(words(`tool (\n\tgolang.org/x/tools/cmd/stringer\n\t${path} // lint\n)\n`), 'own');
  assert.equal(words('require github.com/golangci/golangci-lint/v2 v2.15.0 // indirect\n'), '{tool:golangci-lint}');
});

test('a module that is not the pinned one is not built, and nothing is left of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-go-program-'));
  try {
    const go = join(folder, 'go');
    // What Go's client says where somebody else's module answers under that name.
    writeFileSync(go, `#!/bin/sh\necho '{"Dir":"/nowhere","Sum":"h1:another="}'\n`, { mode: 0o755 });
    const made = makeGoProgram('golangci-lint', pinned, folder, { log: () => {}, go: async () => go });
    await assert.rejects(made, /is not the one that is pinned/);
    assert.deepEqual(readdirSync(folder), ['go']);
    assert.match(goProgramFolder('golangci-lint', pinned), /^golangci-lint-\d+\.\d+\.\d+-[A-Za-z0-9]{12}$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
