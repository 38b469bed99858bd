// The build verb: a tree becomes an artifact. It decides the plan, finds the interpreter, and asks the agent for the
// dependency layers; two builds of the same tree are one, since everything is named by what went into it.
import { createHash } from 'node:crypto';
import { pythonSatisfies } from '../config/readers/python-version.ts';
import type { Agent, AppRef } from '../domain/agent.ts';
import type { AgentHello, LayerEvent, LayerSpec } from '../domain/desired.ts';
import { fail } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import type { Artifact } from '../domain/release.ts';
import type { GitTree } from './git-tree.ts';
import { layerKey } from './layer-key.ts';
import { layerSteps } from './layer-steps.ts';
import { decidePlan } from './plan.ts';

const stepDeadlineMs = 15 * 60_000;
const inputBytes = 16 * 1024 * 1024;

export type BuildRequest = {
  app: AppRef;
  tree: GitTree;
  hello: AgentHello;
};

/** What a tree needs, decided before anything is made. */
export type Build = {
  artifact: Artifact;
  /** null: the app needs no layer, or nothing is checked in one. */
  layers: { run: LayerSpec | null; gate: LayerSpec | null };
  /** Advice for the pusher. */
  notes: readonly string[];
};

/** @throws bad-config, no-detector, no-interpreter */
export async function planBuild({ app, tree, hello }: BuildRequest): Promise<Build> {
  const plan = await decidePlan(tree.view);
  const notes = [...plan.notes];
  const interpreter = chooseInterpreter(plan, hello, notes);
  const run = await layerSpec(app, tree, plan.layer, 'run', interpreter, null);
  const gate = plan.gateLayer
    ? await layerSpec(app, tree, plan.gateLayer, 'gate', interpreter, run?.key ?? null)
    : null;
  const body = { tree: tree.id, layer: run?.key ?? null, plan };
  const digest = `sha256:${createHash('sha256').update(JSON.stringify(body)).digest('hex')}` as Digest;
  return {
    artifact: { digest, treeId: tree.id, layerKey: run?.key ?? null, gateLayerKey: gate?.key ?? null, plan },
    layers: { run, gate },
    notes,
  };
}

/**
 * How the layer of an artifact that was proved before is made again, from its own recipe and under its own name. Where the
 * interpreter of then is not there any more, one that the app may run with takes its place, which the notes say.
 * @throws bad-config, no-interpreter
 */
export async function planAgain(
  { app, tree, hello }: BuildRequest,
  artifact: Artifact,
): Promise<{ layer: LayerSpec | null; notes: readonly string[] }> {
  if (artifact.layerKey === null) return { layer: null, notes: [] };
  const notes: string[] = [];
  const interpreter = chooseInterpreter(artifact.plan, hello, notes);
  const layer = await layerSpec(app, tree, artifact.plan.layer, 'run', interpreter, null);
  if (layer && layer.key !== artifact.layerKey)
    notes.push(`the dependencies are made with ${interpreter}, other than when the release was proved`);
  return { layer: layer && { ...layer, key: artifact.layerKey }, notes };
}

/**
 * Makes a layer, or finds it.
 * @throws install-failed with the last lines
 */
export async function makeLayer(
  agent: Pick<Agent, 'makeLayer'>,
  spec: LayerSpec,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<{ wasThere: boolean; durationMs: number }> {
  let last: LayerEvent | null = null;
  for await (const event of agent.makeLayer(spec, signal)) {
    last = event;
    if ('line' in event) onLine(event.line);
  }
  if (last && 'done' in last) return last.done;
  const tail = last && 'failed' in last ? last.failed.outputTail : [];
  throw fail('install-failed', `the dependencies could not be installed: ${reasonOf(tail)}`, {
    advice: 'Mend the requirements and push again; the lines above are what the installer said.',
    details: { outputTail: tail.slice(-30) },
  });
}

/** The installer's own word, from its last lines. */
function reasonOf(tail: readonly string[]): string {
  const telling =
    tail.find((line) => /^(?:\s*[×x]\s|error[: ]|ERROR)/i.test(line)) ?? tail.findLast((line) => line.trim() !== '');
  return telling?.trim().slice(0, 300) ?? 'the installer said nothing';
}

function chooseInterpreter(plan: Plan, hello: AgentHello, notes: string[]): string | null {
  const wanted = plan.layer.interpreter;
  if (wanted.kind === 'none') return null;
  const there = hello.interpreters.filter((one) => one.kind === wanted.kind);
  const newest = [...there].sort((a, b) => -a.version.localeCompare(b.version, 'en', { numeric: true }));
  const { version } = wanted;
  const exact = version === null ? newest[0] : newest.find((one) => pythonSatisfies(one.version, version));
  if (exact) return exact.id;
  // Patch releases of one minor version are interchangeable; which ones there are is the machine's business.
  const minor = /^(\d+\.\d+)\.\d+$/.exec(version ?? '')?.[1];
  const near = minor ? newest.find((one) => pythonSatisfies(one.version, minor)) : undefined;
  if (near) {
    notes.push(`Python ${version} is asked for; this server runs ${near.version}`);
    return near.id;
  }
  const list = newest.map((one) => one.version).join(', ') || 'none';
  throw fail('no-interpreter', `the app asks for Python ${version ?? '3'}, which is not there; there is: ${list}`, {
    advice:
      version === null
        ? 'Install python3 where every user of the server can execute it.'
        : 'Ask for one of these, or install that Python on the server where every user can execute it.',
  });
}

async function layerSpec(
  app: AppRef,
  tree: GitTree,
  recipe: LayerRecipe,
  purpose: 'run' | 'gate',
  interpreterId: string | null,
  runKey: string | null,
): Promise<LayerSpec | null> {
  if (recipe.interpreter.kind === 'none' || interpreterId === null) return null;
  const inputs = new Map<string, Buffer>();
  for (const path of recipe.inputs) {
    const content = await tree.view.read(path, inputBytes);
    if (content === null) {
      throw fail('bad-config', `${path}: missing, a link, or larger than ${inputBytes} bytes`, {
        advice: `Commit ${path} as a plain file.`,
      });
    }
    inputs.set(path, content);
  }
  const tools = runKey === null ? {} : { run: runKey };
  const steps = layerSteps(recipe, purpose, runKey);
  return {
    key: layerKey({ recipe, purpose, inputs, interpreter: interpreterId, tools }),
    appId: app.id,
    liveUid: app.liveUid,
    gateUid: app.gateUid,
    gid: app.gid,
    interpreterId,
    tools: ['uv'],
    files: Object.fromEntries([...inputs].map(([path, content]) => [path, content.toString('base64')])),
    steps: steps.map((step) => ({ ...step, deadlineMs: stepDeadlineMs })),
  };
}
