// The build verb: a tree becomes an artifact. It decides the plan, finds the interpreter, and says which layers and which image it needs;
// two builds of the same tree are one, since everything is named by what went into it. Makes nothing itself (`make-layer.ts` does).
import { createHash, randomUUID } from 'node:crypto';
import type { AppRef } from '../domain/agent.ts';
import type { EngineLook } from '../domain/engine.ts';
import { isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { Digest } from '../domain/ids.ts';
import type { LayerSpec } from '../domain/layer.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import type { Artifact, ImageArtifact } from '../domain/release.ts';
import { builtSpec } from './built-tree.ts';
import { runtimeOf } from './decide-runtime.ts';
import type { GitTree } from './git-tree.ts';
import { decideImagePlan } from './image-plan.ts';
import { type ImageWork, imageWork } from './image-work.ts';
import { chooseInterpreter } from './interpreters.ts';
import { gateSpec, layerSpec } from './layer-spec.ts';
import { type PartOfTree, partId } from './part-layers.ts';
import { decidePlan } from './plan.ts';
import { testedParts } from './tests-in-image.ts';

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
  const purpose = plan.image ? 'versions' : 'run';
  const run = isNeeded ? await layerSpec(app, tree, plan.layer, purpose, interpreter, null) : null;
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
