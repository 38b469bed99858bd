// The gate on files, with the real tools and without a server: the plan of a check runs as a job runs, in a copy of its own, with
// the tools that Lockstep pins and layers that are made by the layer's own steps; what it leaves goes through the check's judge,
// the second run of what failed, and the policy. So a tool's trap costs one run of the tool.
//
// Each trap is shown in two layouts: at the top of a repository, and in one of several packages, beside a program of another
// language. What is said must be the same, at the package's own paths.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { homeFolders } from '../../src/agent/folders.ts';
import { ownEnv } from '../../src/agent/toolchains/install-env.ts';
import {
  openToolchains,
  type ToolchainLog,
  type Toolchains,
  type ToolName,
} from '../../src/agent/toolchains/toolchains.ts';
import { layerSteps } from '../../src/build/layer-steps.ts';
import { memoryTree } from '../../src/build/memory-tree.ts';
import { decidePlan } from '../../src/build/plan.ts';
import type { CheckResult, Language } from '../../src/domain/gate.ts';
import type { JobResult } from '../../src/domain/job.ts';
import type { Check, CheckPlan, GateFacts } from '../../src/gate/check.ts';
import { isConfigFile } from '../../src/gate/check.ts';
import { runGate } from '../../src/gate/gate.ts';
import { madeFromReport } from '../../src/gate/reports/made-from.ts';
import { root, type Stage } from './stage.ts';

export type Files = Readonly<Record<string, string>>;
export type Answer = {
  results: readonly CheckResult[];
  /** The words of each run: one, or two when something failed and ran again. */
  runs: readonly string[][];
  /** The reports of the last run, a folder. */
  reports: string;
};
export type Asked = {
  /** A folder that `layer` made. */
  layer?: string;
  /** Files of main: lines of them are old. Left out: every line is new. */
  main?: Files;
  before?: readonly CheckResult[];
  hasEverRunTests?: boolean;
};

/** A project beside the one that is looked at, that no check has a word about. */
const neighbours: Readonly<Record<Exclude<Language, 'any' | 'web'>, Files>> = {
  python: { 'pyproject.toml': '[project]\nname = "other"\nversion = "1"\n', 'other.py': '"""Another."""\n' },
  node: { 'package.json': '{"name":"other"}\n' },
  go: {
    'go.mod': 'module example.org/other\n\ngo 1.22\n',
    'other.go': '// Package other is another.\npackage other\n',
  },
};
const markers = { python: 'pyproject.toml', node: 'package.json', go: 'go.mod' } as const;

export class RealChecks {
  readonly #stage: Stage;
  readonly #tools: Toolchains;
  readonly #cache: string;

  private constructor(stage: Stage, tools: Toolchains, cache: string) {
    this.#stage = stage;
    this.#tools = tools;
    this.#cache = cache;
  }

  /** @param cache where `{cache}` of the checks is; left out: a new folder */
  static async on(stage: Stage, cache = join(stage.folder, 'gate-cache'), log: ToolchainLog = () => {}) {
    mkdirSync(cache, { recursive: true });
    const tools = await openToolchains({ folders: homeFolders(stage.home), programRoot: root, log });
    return new RealChecks(stage, tools, cache);
  }

  /** The layer of the checks of an app with these files, made as the agent makes it, but by the user of the test. */
  async layer(files: Files): Promise<string> {
    const plan = await decidePlan(memoryTree({ Procfile: 'web: serve\n', ...files }));
    const recipe = plan.gateLayer ?? plan.layer;
    const layer = mkdtempSync(join(this.#stage.folder, 'layer-'));
    const inputs = mkdtempSync(join(this.#stage.folder, 'inputs-'));
    write(inputs, Object.fromEntries(recipe.inputs.map((path) => [path, files[path]!])));
    const interpreter = recipe.interpreter.kind === 'node' ? process.execPath : await this.#tools.platformPython();
    for (const step of layerSteps(recipe, 'gate')) {
      const places = { layer, inputs, python: interpreter, interpreter, cache: join(this.#stage.folder, 'fetched') };
      const argv = await this.#filled(step.argv, places);
      const env = await this.#filledEnv(step.env, places);
      const ran = spawnSync(argv[0]!, argv.slice(1), {
        cwd: step.cwd === 'layer' ? layer : inputs,
        env: { ...ownEnv(), ...env },
        encoding: 'utf8',
        timeout: 240_000,
      });
      assert.equal(ran.status, 0, `${argv.join(' ')}\n${ran.stdout}\n${ran.stderr}`);
    }
    return layer;
  }

  /** One check in both layouts. The answer is that of the top. */
  async inBoth(check: Check, files: Files, asked: Asked = {}): Promise<Answer> {
    const language = check.language as keyof typeof markers;
    const top = await this.gate(check, files, '', asked);
    const base = 'services/shop/';
    const others = Object.entries(neighbours[language]).map(([path, text]) => [`services/other/${path}`, text]);
    const elsewhere =
      language === 'go' ? { 'serve.py': '"""Serves."""\n' } : { 'go.mod': 'module x\n', 'main.go': 'package main\n' };
    const marker = Object.hasOwn(files, markers[language]) ? {} : { [`${base}${markers[language]}`]: '' };
    const moved = { ...Object.fromEntries(others), ...elsewhere, ...marker, ...under(base, files) };
    const main = asked.main === undefined ? {} : { main: under(base, asked.main) };
    const deep = await this.gate(check, moved, base, { ...asked, ...main });
    const said = (answer: Answer, from: string) =>
      answer.results.map(({ name, outcome, summary, findings, metrics }) => ({
        ...{ name: name.replace(/ \(services\/shop\)$/, ''), outcome, summary: summary.replaceAll(from, '') },
        places: findings.map(({ file, line, rule }) => `${file?.replace(from, '')}:${line} ${rule}`).sort(),
        ran: metrics.testsRun,
      }));
    assert.deepEqual(said(deep, base), said(top, ''), 'one of several packages is told as one at the top');
    for (const { file } of deep.results.flatMap(({ findings }) => findings))
      assert.ok(file === null || file.startsWith(base), `${file} is no path of the repository`);
    return top;
  }

  async gate(check: Check, files: Files, base: string, asked: Asked = {}): Promise<Answer> {
    const runs: string[][] = [];
    let left = '';
    const facts: GateFacts = {
      paths: Object.keys(files),
      texts: new Map(Object.entries(files).filter(([path]) => isConfigFile(path))),
      changed: changedLines(files, asked.main ?? {}),
      testEnv: {},
    };
    const { results } = await runGate({
      ...{ facts, checks: [check], others: [], retries: 0, now: Date.now, onResult: () => {} },
      policy: { hasEverRunTests: asked.hasEverRunTests ?? false, main: asked.before ?? null },
      signal: new AbortController().signal,
      runJob: async (plan) => {
        if ((plan.part?.root ?? '') !== base) return ended({ exitCode: 127 });
        const { result, argv, reports } = await this.#job(plan, files, asked.layer ?? null);
        runs.push(argv);
        left = reports;
        return result;
      },
    });
    const own = results.filter(({ name }) => name.endsWith(base === '' ? name : `(${base.slice(0, -1)})`));
    return { results: own, runs, reports: left };
  }

  async #job(plan: CheckPlan, files: Files, layer: string | null) {
    const home = mkdtempSync(join(this.#stage.folder, 'job-'));
    const [tree, job, reports, tmp] = ['tree', 'job', 'reports', 'tmp'].map((name) => join(home, name)) as [
      ...[string, string, string, string],
    ];
    for (const folder of [tree, job, reports, tmp]) mkdirSync(folder);
    write(tree, files);
    write(job, { ...plan.files, ...plan.late });
    // Nothing was built before: whatever is not made again when nothing changed is made.
    if (plan.reused) {
      const given = { context: '', known: null, pages: 0, leftOut: plan.reused.leftOut };
      write(job, { [madeFromReport]: JSON.stringify(given) });
    }
    const own = layer !== null && plan.layer === 'gate' ? join(layer, 'bin', 'python') : '';
    const python = existsSync(own) ? own : await this.#tools.platformPython();
    const places = { tree, job, reports, layer: layer ?? '', python, cache: this.#cache };
    if (!('argv' in plan.command)) throw new Error('a line of shell is not run here');
    const argv = await this.#filled(plan.command.argv, places);
    // Our own tests run under the same runner, and tell it so.
    const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
    const ran = spawnSync(argv[0]!, argv.slice(1), {
      cwd: join(tree, plan.folder ?? ''),
      env: { ...outer, ...(await this.#filledEnv(plan.env ?? {}, places)), TMPDIR: tmp, HOME: tmp },
      ...{ encoding: 'utf8', timeout: 240_000, maxBuffer: 64 * 1024 * 1024 },
    });
    const found = (plan.reports ?? []).filter((name) => existsSync(join(reports, name)));
    const result = ended({
      exitCode: ran.status,
      signal: ran.signal,
      outputTail: `${ran.stdout}${ran.stderr}`.trimEnd().split('\n').slice(-60),
      reports: Object.fromEntries(found.map((name) => [name, readFileSync(join(reports, name), 'utf8')])),
    });
    return {
      result,
      reports,
      argv: [...argv, ...Object.values(plan.files ?? {}).filter((text) => text.length < 2000)],
    };
  }

  async #filled(words: readonly string[], places: Readonly<Record<string, string>>): Promise<string[]> {
    const names = words.flatMap((word) => [...word.matchAll(/\{tool:([a-z0-9-]+)\}/g)].map((match) => match[1]!));
    const tools = new Map<string, string>();
    for (const name of names) tools.set(name, await this.#tools.ensure(name as ToolName));
    return words.map((word) =>
      word
        .replace(/\{tool:([a-z0-9-]+)\}/g, (_, name: string) => tools.get(name)!)
        .replace(/\{([a-z]+)\}/g, (whole, name: string) => places[name] ?? whole),
    );
  }

  async #filledEnv(env: Readonly<Record<string, string>>, places: Readonly<Record<string, string>>) {
    const values = await this.#filled(Object.values(env), places);
    return Object.fromEntries(Object.keys(env).map((key, at) => [key, values[at]!]));
  }
}

function ended(over: Partial<JobResult>): JobResult {
  return {
    ...{ id: 'job', exitCode: 0, signal: null, endedBy: 'exit', outputTail: [], outputBytes: 0, reports: {} },
    ...{ startedAtMs: 0, durationMs: 1 },
    ...over,
  } as unknown as JobResult;
}

export function write(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

export const under = (base: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${base}${path}`, text]));

/** Lines at whose place main has another. */
function changedLines(files: Files, main: Files): Map<string, Set<number>> {
  return new Map(
    Object.entries(files)
      .filter(([path, text]) => main[path] !== text)
      .map(([path, text]) => {
        const old = main[path]?.split('\n') ?? [];
        const lines = text.split('\n').flatMap((line, at) => (old[at] === line ? [] : [at + 1]));
        return [path, new Set(lines)];
      }),
  );
}
