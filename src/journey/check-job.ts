// A check of the gate as a job of the agent: what the check may look at, and the limits that it runs under.
import type { Build } from '../build/build.ts';
import type { GitTree } from '../build/git-tree.ts';
import { partId } from '../build/part-layers.ts';
import type { ForTests } from '../build/tests-in-image.ts';
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { CheckKind } from '../domain/gate.ts';
import type { JobResult, JobSpec } from '../domain/job.ts';
import type { LayerSpec } from '../domain/layer.ts';
import { defaultLimits, type Plan } from '../domain/plan.ts';
import { addedFiles, parseChangedLines } from '../gate/changed-lines.ts';
import { type CheckPlan, type GateFacts, isConfigFile, mostConfigFiles } from '../gate/check.ts';
import { collectFolders } from './collect-folders.ts';
import type { TestPlace } from './image.ts';
import { isUnbuilt } from './pages-before.ts';
import { newId, refOf, type World } from './world.ts';

/** Check jobs may use at least this much, whatever the app's own limit is. */
const checkMemoryBytes = 1024 ** 3;

/** What the checks see. @param diff from main; null at the first push */
export function gateFacts(tree: GitTree, diff: string | null, build: Build): Promise<GateFacts> {
  return factsOfTree(tree, diff, build.artifact.plan);
}

export async function factsOfTree(
  tree: Pick<GitTree, 'entries' | 'view'>,
  diff: string | null,
  plan: Pick<Plan, 'testEnv' | 'site' | 'gateLayer'>,
): Promise<GateFacts> {
  const texts = new Map<string, string>();
  const wanted = tree.entries.filter(({ path, mode }) => mode.startsWith('100') && isConfigFile(path));
  for (const { path } of wanted.slice(0, mostConfigFiles)) {
    const content = await tree.view.read(path, 1024 * 1024);
    if (content) texts.set(path, content.toString('utf8'));
  }
  return {
    paths: tree.entries.filter((one) => one.mode.startsWith('100')).map((one) => one.path),
    texts,
    changed: diff === null ? null : parseChangedLines(diff),
    ...(diff === null ? {} : { added: addedFiles(diff) }),
    testEnv: plan.testEnv,
    ...(plan.site === undefined ? {} : { site: plan.site }),
    ...gateLayerOf(plan),
  };
}

/** The layer that a check runs with: its part's own, or the app's; null: none. */
export function checkLayer({ layer, part }: Pick<CheckPlan, 'layer' | 'part'>, { layers }: Build): LayerSpec | null {
  if (layer === 'none') return null;
  return (part && layers.parts[partId(part)]) ?? layers.gate;
}

function gateLayerOf({ gateLayer }: Pick<Plan, 'gateLayer'>): Pick<GateFacts, 'gateLayer'> {
  const kind = gateLayer?.interpreter.kind ?? 'none';
  return kind === 'none' ? {} : { gateLayer: kind };
}

type WithImage = { image: Pick<NonNullable<Build['image']>, 'forTests'> | null };

/** What the tests of the plan's part run in and with; null: they run on the machine. */
export const testsOf = ({ part }: Pick<CheckPlan, 'part'>, { image }: WithImage): ForTests | null =>
  (part && image?.forTests[partId(part)]) ?? null;

/** How the programs of a language are started in an image. A new language is one more line. */
const inImage: Readonly<Record<string, { first: string; more: readonly string[]; name: string }>> = {
  // What it needs beside the app's own comes at the end of its path.
  python: { first: '{python}', more: ['--path', '{layer}'], name: 'Python' },
  node: { first: '{tool:node}', more: ['in-image'], name: 'Node' },
};

/**
 * Whether a check runs in the candidate's image: tests of a part that lies in it. What reads sources alone (style, types, documentation) asks the
 * commit's files, which are the same on the machine.
 */
export const isInImage = (plan: CheckPlan, check: { kind: CheckKind }, build: WithImage): boolean =>
  check.kind === 'tests' &&
  plan.layer === 'gate' &&
  'argv' in plan.command &&
  plan.command.argv[0] === inImage[plan.part?.language ?? '']?.first &&
  testsOf(plan, build) !== null;

/** The same program, in the part's place with the commit's tests, under the image's own interpreter: FOLDER REPORTS TESTS and its words. */
const startIn = (programs: readonly string[], name: string): string =>
  `cd "$1" && mkdir -p "$2" || exit 126; if [ -d "$3" ]; then cp -R "$3/." . || exit 126; fi; shift 3; for one in ${programs.join(' ')}; do command -v "$one" >/dev/null 2>&1 && exec "$one" "$@"; done; echo "the image has no ${name}" >&2; exit 127`;

/** @throws internal when it does not run there */
export function placedInImage(plan: CheckPlan, build: Build): CheckPlan {
  const { ahead: _, folder: _folder, ...rest } = plan;
  const tests = testsOf(plan, build);
  const language = inImage[plan.part?.language ?? ''];
  if (tests === null || language === undefined || !('argv' in plan.command))
    throw fail('internal', 'That check runs in no image');
  const script = startIn(tests.programs, language.name);
  const root = plan.part?.root ?? '';
  // Tools of the machine are not there: what the checks need of them lies with their packages.
  const words = plan.command.argv.slice(1).map((word) => word.replace(/\{tool:[\w-]+\}/g, '{layer}/managers'));
  const places = [tests.folder ?? '.', '{reports}', `{job}/tests/${root}`];
  return {
    ...rest,
    tools: [],
    command: { argv: ['/bin/sh', '-c', script, 'sh', ...places, ...words, ...language.more] },
  };
}

/** Sends the job beside its tree: the agent launches it as soon as the copy is whole. */
export async function runCheckJob(
  world: World,
  app: App,
  { name, plan }: { name: string; plan: CheckPlan },
  where: string | TestPlace,
  build: Build,
  signal: AbortSignal,
): Promise<JobResult> {
  const isOnMachine = typeof where === 'string';
  const { limits } = build.artifact.plan;
  const spec: JobSpec = {
    ...refOf(app),
    id: newId('job'),
    appId: app.id,
    kind: 'check',
    identity: 'gate',
    place: isOnMachine ? { copy: where, isComing: true } : where,
    ...(plan.folder ? { folder: plan.folder } : {}),
    layerKey: isOnMachine ? (checkLayer(plan, build)?.key ?? null) : null,
    tools: plan.tools,
    ...(plan.network ? { network: plan.network } : {}),
    command: plan.command,
    ...(plan.ahead ? { ahead: plan.ahead } : {}),
    env: plan.env,
    files: plan.files,
    ...(plan.late && Object.keys(plan.late).length > 0 ? { late: plan.late } : {}),
    reports: plan.reports,
    ...(plan.collect ? { collect: plan.collect } : {}),
    volumes: {},
    deadlineMs: plan.deadlineMs,
    outputBytes: 1024 * 1024,
    limits: {
      ...limits,
      memoryBytes: Math.max(limits.memoryBytes, checkMemoryBytes),
      pids: Math.max(limits.pids, defaultLimits.pids),
    },
  };
  const job = await world.agent.runJob(isOnMachine ? world.ahead.sent(spec, name) : spec, { signal });
  if (!plan.collect || job.endedBy !== 'exit' || (plan.reused && isUnbuilt(job))) return job;
  return { ...job, collected: await collectFolders(world, app, job.id, plan.collect) };
}
