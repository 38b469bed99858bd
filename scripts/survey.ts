// `node scripts/bootstrap.js scripts/survey.ts [--only NAME,NAME] [--out docs/gate-survey.md]`: known projects through the gate of a
// real Lockstep, without a line of configuration: what was detected, run and found, beside their own checks by hand; then a line
// that breaks style, which must be rejected by file and line, and one that is harmless, which must land. It takes the projects by
// the ordinary clients, so it needs the network; it is no part of our own gate.
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Json, root, Stage } from '../test/support/stage.ts';
import { fetchProject } from './survey/fetch.ts';
import { lines, type Project, projects, starts } from './survey/projects.ts';

const { values } = parseArgs({
  options: { only: { type: 'string' }, out: { type: 'string' }, 'by-hand': { type: 'boolean', default: true } },
  allowNegative: true,
});

type Check = {
  name: string;
  outcome: string;
  summary: string;
  durationMs: number;
  findingCount: number;
  findings: Json[];
};
type Told = {
  project: Project;
  detected: string;
  /** What the gate said before anything was added; null: it went on by itself. */
  asked: string | null;
  outcome: string;
  wallMs: number;
  checks: Check[];
  /** How the line that breaks style ended: its finding, or what happened instead. */
  bad: string;
  good: string;
  byHand: string;
  broke: string | null;
};

const wanted = values.only?.split(',');
const told: Told[] = [];
await using stage = await Stage.open();
for (const project of projects.filter(({ name }) => wanted === undefined || wanted.some((one) => name.endsWith(one)))) {
  process.stderr.write(`${project.name} ${project.version}\n`);
  told.push(await survey(project));
  // What is known stays known when a later one is broken off.
  if (values.out) writeFileSync(join(root, values.out), pageOf(told));
  process.stderr.write(`  ${told.at(-1)!.outcome}; ${told.at(-1)!.bad}; ${told.at(-1)!.good}\n`);
}
if (!values.out) process.stdout.write(pageOf(told));

async function survey(project: Project): Promise<Told> {
  const app = project.name.replaceAll(/[^a-z0-9]+/g, '-').replace(/^.*-(?=[a-z0-9]+$)/, '');
  const one: Told = {
    ...{ project, detected: '-', asked: null, outcome: '-', wallMs: 0, checks: [] },
    ...{ bad: '-', good: '-', byHand: '-', broke: null },
  };
  try {
    const work = await fetchProject(stage, project, app);
    const made = await stage.lockstep(['create', app], { cwd: work });
    if (made.code !== 0) throw new Error(made.stderr);
    let pushed = await timedPush(work);
    if (pushed.code !== 0 && /no-detector|Procfile|how to (?:run|start)/i.test(pushed.said)) {
      one.asked = lineWith(pushed.said, /FAILED|Procfile/);
      stage.write(work, { Procfile: starts[project.kind] });
      await stage.commit(work, 'say what starts');
      pushed = await timedPush(work);
    }
    one.wallMs = pushed.ms;
    const change = await verdict(app);
    one.detected = lineWith(pushed.said, /^remote: (?!live|docs|note|candidate|dependencies)[A-Za-z][A-Za-z +-]*: /);
    one.outcome = change.state;
    one.checks = change.verdict?.checks ?? [];
    if (change.state === 'landed') await twoLines(project, app, work, one);
    if (values['by-hand']) one.byHand = await byHand(project, work, app);
  } catch (error) {
    one.broke = (error as Error).message.slice(0, 300);
  }
  await stage.lockstep(['destroy', '-a', app, '--yes']);
  return one;
}

async function timedPush(work: string): Promise<{ code: number | null; said: string; ms: number }> {
  const begunAt = performance.now();
  const { code, stderr } = await stage.push(work);
  return { code, said: stderr, ms: performance.now() - begunAt };
}

async function verdict(app: string): Promise<Json> {
  const { id } = await stage.lastChange(app);
  return (await stage.api(`/apps/${app}/changes/${id}`)).body;
}

async function twoLines({ kind, file }: Project, app: string, work: string, one: Told): Promise<void> {
  const path = join(work, file);
  if (!existsSync(path)) throw new Error(`there is no ${file}`);
  appendFileSync(path, lines[kind].bad);
  await stage.commit(work, 'a line that breaks style');
  await stage.push(work);
  const rejected = await verdict(app);
  const checks: Check[] = rejected.verdict?.checks ?? [];
  const ours = checks
    .flatMap((check) => check.findings)
    .find((finding) => finding.file === file && finding.line !== null);
  const failed = checks.find(({ outcome }) => outcome === 'failed');
  one.bad =
    rejected.state === 'rejected' && ours
      ? `rejected at ${ours.file}:${ours.line} (${ours.rule})`
      : `${rejected.state} by ${failed?.name ?? 'nothing'}: ${failed?.summary ?? rejected.reason}; ${JSON.stringify(failed?.findings[0] ?? null)}`;
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
  appendFileSync(path, lines[kind].good);
  await stage.commit(work, 'a harmless line');
  await stage.push(work);
  const landed = await verdict(app);
  one.good = landed.state === 'landed' ? 'accepted' : `${landed.state}: ${landed.reason}`;
}

async function byHand(project: Project, work: string, app: string): Promise<string> {
  const env = join(stage.folder, `hand-${app}`);
  const copy = join(env, 'work');
  mkdirSync(env);
  await stage.git(stage.folder, 'clone', '-q', work, copy);
  const begunAt = performance.now();
  const { code, stdout, stderr } = await stage.run(['timeout', '300', 'sh', '-c', project.byHand], {
    cwd: copy,
    env: { ENV: join(env, 'env') },
  });
  const seconds = ((performance.now() - begunAt) / 1000).toFixed(0);
  const last =
    `${stdout}\n${stderr}`
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .at(-1) ?? '';
  rmSync(env, { recursive: true, force: true });
  return `exit ${code} after ${seconds} s: ${last.slice(0, 100)}`;
}

function lineWith(said: string, wanted: RegExp): string {
  const line =
    said
      .split('\n')
      .map((one) => one.trim())
      .find((one) => wanted.test(one)) ?? '-';
  return line.replace(/^remote: /, '').slice(0, 220);
}

function pageOf(all: readonly Told[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
  const rows = all.map(({ project, outcome, wallMs, bad, good, broke }) => {
    const end = broke === null ? `${outcome} in ${(wallMs / 1000).toFixed(1)} s` : `broke off: ${broke}`;
    return `| ${project.name} ${project.version} | ${project.kind} | ${cell(end)} | ${cell(bad)} | ${cell(good)} |`;
  });
  const parts = all.map(({ project, detected, asked, checks, byHand }) => {
    const table = checks.map(
      ({ name, outcome, summary, durationMs }) =>
        `| ${cell(name)} | ${outcome} | ${(durationMs / 1000).toFixed(1)} s | ${cell(summary.slice(0, 160))} |`,
    );
    return [
      `## ${project.name} ${project.version}`,
      `Detected: ${cell(detected)}`,
      ...(asked === null
        ? []
        : [`It asked for one thing: ${cell(asked)}. A Procfile that serves the folder was added.`]),
      ...(table.length === 0 ? [] : ['', '| check | outcome | time | what |', '|---|---|---|---|', ...table]),
      '',
      `By hand (\`${project.byHand}\`): ${byHand === '-' ? 'not run' : cell(byHand)}`,
    ].join('\n');
  });
  return `# Survey of the gate
Made by \`node scripts/bootstrap.js scripts/survey.ts --out docs/gate-survey.md\` on the day that the commit bears: projects as their
authors publish them, made into repositories, pushed to a fresh Lockstep without configuration.
An outcome is the first push's, which is the baseline; then a line that breaks style, and a harmless one.

| project | language | first push | a line that breaks style | a harmless line |
|---|---|---|---|---|
${rows.join('\n')}

${parts.join('\n\n')}
`;
}
