// One project through the gate of a real Lockstep: the first push, a line that breaks style, a harmless one; then by hand.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, root, type Stage } from '../../test/support/stage.ts';
import { type ByHand, byHand } from './by-hand.ts';
import { fetchProject } from './fetch.ts';
import { appName, lines, type Project, starts } from './projects.ts';

const pushLimitSeconds = 600;

export type Check = {
  kind: string;
  name: string;
  outcome: string;
  summary: string;
  durationMs: number;
  findingCount: number;
  findings: { file: string | null; line: number | null; rule: string; message: string }[];
  warnings: string[];
  metrics: Record<string, number>;
};
export type Told = {
  project: Pick<Project, 'kind' | 'name' | 'version'>;
  at: string;
  /** The gate's own commit; left out: before it was noted. */
  commit?: string;
  /** `lockstep gate --print`: what would run, by which line of which file. */
  plan: { what: string; value: string; from: string }[];
  detected: string;
  /** What the gate said before anything was added; null: it went on by itself. */
  asked: string | null;
  outcome: string;
  reason: string | null;
  /** What the pusher read. */
  said: string[];
  wallMs: number;
  checks: Check[];
  /** How the line that breaks style ended: its finding, or what happened instead. */
  bad: string;
  good: string;
  isBadRejected: boolean;
  isGoodAccepted: boolean;
  hand: ByHand[];
  broke: string | null;
};

export async function survey(stage: Stage, project: Project, kept: string): Promise<Told> {
  const app = appName(project);
  const one: Told = {
    project: { kind: project.kind, name: project.name, version: project.version },
    ...{
      at: new Date().toISOString(),
      plan: [],
      detected: '-',
      asked: null,
      outcome: '-',
      reason: null,
      said: [],
      wallMs: 0,
    },
    ...{ checks: [], bad: '-', good: '-', isBadRejected: false, isGoodAccepted: false, hand: [], broke: null },
  };
  try {
    one.commit = (await stage.git(root, 'rev-parse', '--short=10', 'HEAD')).stdout.trim();
    const work = await fetchProject(stage, project, kept);
    const made = await stage.lockstep(['create', app], { cwd: work });
    if (made.code !== 0) throw new Error(made.stderr);
    let pushed = await push(stage, work);
    if (pushed.code !== 0 && /no-detector|Procfile|how to (?:run|start)/i.test(pushed.said)) {
      one.asked = asked(pushed.said);
      stage.write(work, { Procfile: starts[project.kind] });
      await stage.commit(work, 'say what starts');
      pushed = await push(stage, work);
    }
    one.wallMs = pushed.ms;
    one.said = pushed.said.split('\n').slice(0, 80);
    const printed = await stage.lockstep(['gate', '--print', '--json'], { cwd: work });
    if (printed.code === 0) {
      const found = JSON.parse(printed.stdout);
      one.plan = found.checks;
      one.detected = `${found.plan.detector}: ${found.plan.why}`;
    } else one.detected = `gate --print ended with ${printed.code}: ${printed.stderr.trim().slice(-300)}`;
    const change = await verdict(stage, app);
    one.outcome = change.state;
    one.reason = change.reason ?? null;
    one.checks = (change.verdict?.checks ?? []).map(kept20);
    if (change.state === 'landed') await twoLines(stage, project, app, work, one);
  } catch (error) {
    one.broke = (error as Error).message.replaceAll(stage.folder, '').slice(0, 500);
  }
  await stage.lockstep(['destroy', '-a', app, '--yes']);
  return one;
}

/**
 * Its own commands. Lockstep changes and a published project does not: what was once asked by hand is kept, and without
 * `isAsked` only what is known is told.
 */
export async function handOf(stage: Stage, project: Project, kept: string, isAsked: boolean): Promise<ByHand[]> {
  const file = join(kept, `${appName(project)}-${project.version}.hand.json`);
  const asked = JSON.stringify([project.setup, project.byHand]);
  if (existsSync(file)) {
    const known = JSON.parse(readFileSync(file, 'utf8'));
    if (known.asked === asked || !isAsked) return known.told;
  }
  if (!isAsked) return [];
  const work = join(stage.folder, appName(project));
  const told = await byHand(stage, project, existsSync(work) ? work : await fetchProject(stage, project, kept));
  writeFileSync(file, JSON.stringify({ asked, told }, null, 2));
  return told;
}

const kept20 = (check: Check): Check => ({ ...check, findings: check.findings.slice(0, 20) });

/** @throws Error after the limit: a push that says nothing for so long ends the survey of its project, not the survey. */
async function push(stage: Stage, work: string): Promise<{ code: number | null; said: string; ms: number }> {
  const begunAt = performance.now();
  const argv = ['timeout', '-k', '10', String(pushLimitSeconds), 'git', 'push', 'lockstep', 'main'];
  const { code, stderr } = await stage.run(argv, { cwd: work });
  if (code === 124 || code === 137)
    throw new Error(`a push had no end after ${pushLimitSeconds} s: ${stderr.slice(-200)}`);
  return { code, said: stderr, ms: performance.now() - begunAt };
}

/** The failed check's own words. */
function asked(said: string): string {
  const line = said.split('\n').find((one) => /FAILED/.test(one)) ?? said.trim().split('\n').at(-1) ?? '';
  return line.replace(/^remote: /, '').trim();
}

async function verdict(stage: Stage, app: string): Promise<Json> {
  const { id } = await stage.lastChange(app);
  return (await stage.api(`/apps/${app}/changes/${id}`)).body;
}

async function twoLines(stage: Stage, { kind, file }: Project, app: string, work: string, one: Told): Promise<void> {
  const path = join(work, file);
  if (!existsSync(path)) throw new Error(`there is no ${file}`);
  const before = readFileSync(path, 'utf8').split('\n').length;
  appendFileSync(path, lines[kind].bad);
  await stage.commit(work, 'a line that breaks style');
  await push(stage, work);
  const rejected = await verdict(stage, app);
  const checks: Check[] = rejected.verdict?.checks ?? [];
  const ours = checks
    .filter(({ outcome }) => outcome === 'failed')
    .flatMap((check) => check.findings)
    .find((finding) => finding.file === file && (finding.line ?? 0) >= before - 1);
  const failed = checks.find(({ outcome }) => outcome === 'failed');
  one.isBadRejected = rejected.state === 'rejected' && ours !== undefined;
  one.bad = one.isBadRejected
    ? `rejected at ${ours!.file}:${ours!.line} (${ours!.rule})`
    : `${rejected.state}${failed ? ` by ${failed.name}: ${failed.summary}` : ''}`;
  if (rejected.state === 'landed') await stage.git(work, 'revert', '--no-edit', 'HEAD');
  else await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
  appendFileSync(path, lines[kind].good);
  await stage.commit(work, 'a harmless line');
  await push(stage, work);
  const landed = await verdict(stage, app);
  one.isGoodAccepted = landed.state === 'landed';
  const at = (landed.verdict?.checks ?? [])
    .filter((check: Check) => check.outcome === 'failed')
    .flatMap((check: Check) => check.findings.slice(0, 3))
    .map((finding: Check['findings'][0]) => `${finding.file}:${finding.line} ${finding.rule}: ${finding.message}`);
  one.good = one.isGoodAccepted ? 'accepted' : [`${landed.state}: ${landed.reason}`, ...at].join('; ').slice(0, 500);
}
