// The build verb: a tree becomes an artifact. It decides the plan, finds the interpreter, and asks the agent for the
// dependency layers; two builds of the same tree are one, since everything is named by what went into it.
import { createHash, randomUUID } from 'node:crypto';
import { installingPart } from '../config/readers/package-json.ts';
import { withoutLocal } from '../config/readers/requirements.ts';
import type { Agent, AppRef } from '../domain/agent.ts';
import type { EngineLook } from '../domain/engine.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { Digest } from '../domain/ids.ts';
import type { LayerEvent, LayerSpec } from '../domain/layer.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import type { Artifact, ImageArtifact } from '../domain/release.ts';
import { builtSpec } from './built-tree.ts';
import type { GitTree } from './git-tree.ts';
import { decideImagePlan, type ImageWork, imageWork, runtimeOf } from './image-plan.ts';
import { chooseInterpreter } from './interpreters.ts';
import { layerKey } from './layer-key.ts';
import { layerSteps, layerTools } from './layer-steps.ts';
import { type PartOfTree, partId } from './part-layers.ts';
import { decidePlan } from './plan.ts';
import { testedParts } from './tests-in-image.ts';

const stepDeadlineMs = 15 * 60_000;
const inputBytes = 16 * 1024 * 1024;

export type BuildRequest = {
  app: AppRef;
  tree: GitTree;
  hello: AgentHello;
  /** The parts that are checked; left out: the whole, in the app's own layer. */
  parts?: readonly PartOfTree[];
  /** A fresh look at the machine's container engine: for a tree that is to run on one. */
  engine(): Promise<EngineLook>;
  /** By which names the app's own repository is known. */
  names: readonly string[];
  /** Nothing of it will serve: without an engine it is checked all the same. */
  isOnlyChecked?: boolean;
};

/** What a tree needs, decided before anything is made. */
export type Build = {
  artifact: Artifact;
  /** null: the app needs no layer, or nothing is checked in one. */
  layers: {
    run: LayerSpec | null;
    gate: LayerSpec | null;
    /** What the tree becomes before it is served, made when the tree is there and `builtNeeds` are. */
    built: LayerSpec | null;
    /** Of parts that have a gate layer of their own, by `partId`. */
    parts: Readonly<Record<string, LayerSpec>>;
  };
  /** What its processes run in, built before they start; null: on the machine itself, or pulled. The artifact is `withImage` then. */
  image: ImageWork | null;
  /** The image of a registry that they run in; null: it is none of a registry's. */
  pulled: string | null;
  /** The layers that the built tree stands on. */
  builtNeeds: readonly ('run' | 'gate')[];
  /** Advice for the pusher. */
  notes: readonly string[];
};

/** @throws bad-config, no-detector, no-interpreter */
export async function planBuild(request: BuildRequest): Promise<Build> {
  const { app, tree, hello, parts: asked = [] } = request;
  const notes: string[] = [];
  const { plan, isMade } = await planOf(request, notes);
  notes.push(...plan.notes);
  const interpreter = plan.image
    ? interpreterOr(plan.layer, hello, notes, 'the image')
    : chooseInterpreter(plan.layer.interpreter, hello, notes);
  // In an image nothing of the machine's serves: a layer is for the checks then.
  const isNeeded = !plan.image || plan.gateLayer !== null;
  const run = isNeeded ? await layerSpec(app, tree, plan.layer, 'run', interpreter, null) : null;
  const gate = plan.gateLayer ? await gateSpec(app, tree, plan, plan.gateLayer, hello, interpreter, notes, run) : null;
  const parts: Record<string, LayerSpec> = {};
  const tested = await testedParts(plan, tree.view, asked, notes);
  for (const { part, view, recipe } of tested.filter(({ isApp }) => !isApp)) {
    const partInterpreter = interpreterOr(recipe, hello, notes, part.root);
    const spec = await layerSpec(app, { view }, recipe, 'gate', partInterpreter, null);
    if (spec) parts[partId(part)] = spec;
  }
  const keys = { run: run?.key ?? null, gate: gate?.key ?? null };
  const image =
    plan.image && isMade && !plan.image.pulled
      ? await imageWork(
          app.id,
          tree,
          { image: plan.image, parts: tested },
          request.names,
          randomUUID(),
          hello.hasCertificates,
        )
      : null;
  notes.push(...(image?.notes ?? []));
  const built = plan.built ? builtSpec({ app, treeId: tree.id, plan, recipe: plan.built, hello, notes, keys }) : null;
  const layerKey = plan.image ? null : keys.run;
  const body = { tree: tree.id, layer: layerKey, plan, ...(built ? { built: built.key } : {}) };
  return {
    artifact: {
      digest: digestOf(body),
      treeId: tree.id,
      layerKey,
      gateLayerKey: keys.gate,
      ...(built ? { builtKey: built.key } : {}),
      plan: withPartLayers(plan, parts),
    },
    layers: { run, gate, built, parts },
    image,
    pulled: isMade ? (plan.image?.pulled ?? null) : null,
    builtNeeds: plan.built?.needs ?? [],
    notes,
  };
}

const digestOf = (body: unknown): Digest =>
  `sha256:${createHash('sha256').update(JSON.stringify(body)).digest('hex')}` as Digest;

/** The artifact that a tree has become: its digest names the image. */
export function withImage(artifact: Artifact, image: ImageArtifact): Artifact {
  const { treeId, plan } = artifact;
  return { ...artifact, image, digest: digestOf({ tree: treeId, image: image.id, plan }) };
}

/** On the machine, or in an image; `isMade` false: which nobody makes here. @throws bad-config, no-detector, no-engine, engine-away */
async function planOf(
  { app, tree, engine, names, isOnlyChecked }: BuildRequest,
  notes: string[],
): Promise<{ plan: Plan; isMade: boolean }> {
  let isMade = true;
  const runtime = await runtimeOf(tree.view, engine).catch((error: unknown) => {
    if (!isOnlyChecked || !isFailure(error, 'no-engine', 'engine-away')) throw error;
    notes.push(`${error.message}: the image is not built`);
    isMade = false;
    return 'docker' as const;
  });
  const plan = await (runtime === 'process' ? decidePlan(tree.view) : decideImagePlan(tree.view, app.id, names));
  return { plan, isMade };
}

const withPartLayers = (plan: Plan, parts: Readonly<Record<string, LayerSpec>>): Plan =>
  Object.keys(parts).length === 0
    ? plan
    : { ...plan, partLayers: Object.fromEntries(Object.entries(parts).map(([id, { key }]) => [id, key])) };

/** A part that is only checked does not keep the app from being built: without its interpreter it has no layer. */
function interpreterOr(recipe: LayerRecipe, hello: AgentHello, notes: string[], root: string): string | null {
  try {
    return chooseInterpreter(recipe.interpreter, hello, notes);
  } catch (error) {
    if (!isFailure(error, 'no-interpreter')) throw error;
    notes.push(`${root}: ${error.message}; its checks run without what it requires`);
    return null;
  }
}

/**
 * How the layers of an artifact that was proved before are made again, in this order, from its own recipes and under their own
 * names. Where the interpreter of then is not there any more, one that the app may run with takes its place, which the
 * notes say.
 * @throws bad-config, no-interpreter
 */
export async function planAgain(
  { app, tree, hello }: Pick<BuildRequest, 'app' | 'tree' | 'hello'>,
  artifact: Artifact,
): Promise<{ layers: readonly LayerSpec[]; notes: readonly string[] }> {
  const { plan, layerKey, gateLayerKey, builtKey } = artifact;
  const notes: string[] = [];
  const layers: LayerSpec[] = [];
  const again = (layer: LayerSpec | null, key: string | null | undefined): void => {
    if (layer && key) layers.push({ ...layer, key });
  };
  const isGateNeeded = gateLayerKey !== null && (plan.built?.needs.includes('gate') ?? false);
  const interpreter =
    layerKey === null && !isGateNeeded ? null : chooseInterpreter(plan.layer.interpreter, hello, notes);
  const run = layerKey === null ? null : await layerSpec(app, tree, plan.layer, 'run', interpreter, null);
  if (run && run.key !== layerKey)
    notes.push(`the dependencies are made with ${interpreter}, other than when the release was proved`);
  again(run, layerKey);
  if (plan.gateLayer && isGateNeeded)
    again(
      await gateSpec(
        app,
        tree,
        plan,
        plan.gateLayer,
        hello,
        interpreter,
        notes,
        layerKey === null ? null : { key: layerKey },
      ),
      gateLayerKey,
    );
  const keys = { run: layerKey, gate: gateLayerKey };
  if (plan.built)
    again(builtSpec({ app, treeId: artifact.treeId, plan, recipe: plan.built, hello, notes, keys }), builtKey);
  return { layers, notes };
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
  const [what, advice] = spec.from
    ? ['the build failed', 'Mend it and push again; the lines above are what the build said.']
    : [
        'the dependencies could not be installed',
        'Mend the requirements and push again; the lines above are what the installer said.',
      ];
  throw fail('install-failed', `${what}: ${reasonOf(tail)}`, {
    advice,
    details: { outputTail: tail.slice(-30) },
  });
}

/** Of uv, npm and others; of go a place, and what it says of itself but that it fetches. */
const telling = /^(?:\s*[×x]\s|error[: ]|\S+\.go:\d+:\d+: |go: (?!downloading ))/i;

/** uv and pip say under it why: a line with this before it, and those that go on with it. */
const because = /^\s*(?:[╰├]─▶|Caused by:)\s*/;

/** The installer's own word, from its last lines, and why. */
export function reasonOf(tail: readonly string[]): string {
  const at = tail.findIndex((line) => telling.test(line));
  if (at < 0)
    return (
      tail
        .findLast((line) => line.trim() !== '')
        ?.trim()
        .slice(0, 300) ?? 'nothing was said'
    );
  const said = tail[at]!.trim().slice(0, 300);
  const from = tail.findIndex((line, index) => index > at && index <= at + 3 && because.test(line));
  if (from < 0) return said;
  const rest = tail.slice(from + 1);
  const end = rest.findIndex((line) => !/^\s{4,}\S|^\s*│\s*\S/.test(line) || because.test(line));
  const why = [tail[from]!.replace(because, ''), ...rest.slice(0, end < 0 ? undefined : end)]
    .map((line) => line.replace(/^[\s│]+/, '').trim())
    .join(' ');
  return `${said.replace(/:$/, '')}: ${why}`.slice(0, 600);
}

/** Of a package.json only what decides what is installed. */
const installed = (path: string, content: Buffer): Buffer =>
  /(?:^|\/)package\.json$/.test(path) ? Buffer.from(installingPart(content.toString('utf8'), path)) : content;

/** The tree itself is not installed, it runs from where it is. */
const required = (path: string, content: Buffer): Buffer =>
  /\.(?:txt|in)$/.test(path) ? Buffer.from(withoutLocal(content.toString('utf8'))) : content;

/** The checks' layer. What serves may need no interpreter where its checks do. */
function gateSpec(
  app: AppRef,
  tree: GitTree,
  plan: Plan,
  recipe: LayerRecipe,
  hello: AgentHello,
  serving: string | null,
  notes: string[],
  run: Pick<LayerSpec, 'key'> | null,
): Promise<LayerSpec | null> {
  const isSame = recipe.interpreter.kind === plan.layer.interpreter.kind;
  const interpreter = isSame ? serving : chooseInterpreter(recipe.interpreter, hello, notes);
  return layerSpec(app, tree, recipe, 'gate', interpreter, run?.key ?? null);
}

async function layerSpec(
  app: AppRef,
  tree: Pick<GitTree, 'view'>,
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
    inputs.set(path, recipe.installer.tool === 'node' ? installed(path, content) : required(path, content));
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
    tools: layerTools(recipe),
    files: Object.fromEntries([...inputs].map(([path, content]) => [path, content.toString('base64')])),
    steps: steps.map((step) => ({ ...step, deadlineMs: stepDeadlineMs })),
  };
}
