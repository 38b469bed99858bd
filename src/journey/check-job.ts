// A check of the gate as a job of the agent: what the check may look at, and the limits that it runs under.
import type { Build } from '../build/build.ts';
import type { GitTree } from '../build/git-tree.ts';
import { partId } from '../build/part-layers.ts';
import type { App } from '../domain/app.ts';
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
