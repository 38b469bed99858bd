// What a candidate needs on the machine, begun all at once: its tree at the agent (with a copy for the checks), its dependency
// layers, and the tree that is built of it. Each is waited for where it is needed; a failure is heard by whoever waits, and only there.
import type { Build } from '../build/build.ts';
import type { Pinned } from '../build/dockerfile/gate.ts';
import type { GitTree } from '../build/git-tree.ts';
import { makeLayer } from '../build/make-layer.ts';
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import { type LayerSpec, layersUnder } from '../domain/layer.ts';
import type { ImageArtifact } from '../domain/release.ts';
import type { CheckPlan } from '../gate/check.ts';
import { safe } from '../gate/messages.ts';
import { testsOf } from './check-in-image.ts';
import { checkLayer } from './check-job.ts';
import { buildImage, placeForTests, pullImage, type TestPlace } from './image.ts';
import { newId, refOf, type World } from './world.ts';

export type Materials = {
  /** The copy that the checks run in; null: nothing is checked. */
  copy: string | null;
  /** The tree is at the agent. */
  sent: Promise<void>;
  /** What serves can be started: its image, else the tree, its layer, and what is built of it. @throws what failed */
  whenServable(): Promise<ImageArtifact | null>;
  /** What a check runs in and with in the candidate's image, once that is there; a text: why that cannot hold it. @param pinned tools that it wants @throws what failed */
  inImage(plan: Pick<CheckPlan, 'part' | 'inImage' | 'command'>, pinned: Pinned): Promise<TestPlace | string>;
  /** What a check runs with is there. @throws cancelled when the build failed, which says why */
  whenCheckable(plan: Pick<CheckPlan, 'layer' | 'part'>): Promise<void>;
};

export type MaterialsAsked = {
  app: App;
  tree: GitTree;
  build: Build;
  /** The tree has passed before, or is let past the checks. */
  isChecked: boolean;
  /** The tree has passed before. */
  isKnown: boolean;
  say(line: string): void;
  placed(): void;
  /** Begun already; left out: it begins now. */
  image?: Promise<ImageArtifact | null> | null;
  signal: AbortSignal;
  /** Nobody waits for an image any more; left out: somebody does. */
  left?: AbortSignal | undefined;
};

/** What the candidate's processes run in: built, or pulled; null: they run on the machine. */
export function beginImage(
  world: World,
  { app, build, say, ...asked }: Pick<MaterialsAsked, 'app' | 'build' | 'say' | 'signal' | 'left'>,
): Promise<ImageArtifact | null> {
  const { plan } = build.artifact;
  const signal = asked.left ? AbortSignal.any([asked.signal, asked.left]) : asked.signal;
  if (build.pulled) return pullImage(world, app, { image: build.pulled, web: plan.processes.web }, say, signal);
  return build.image ? buildImage(world, app, build.image, plan, say, signal) : Promise.resolve(null);
}

export function gather(world: World, asked: MaterialsAsked): Materials {
  const { app, tree, build, isKnown, say, signal } = asked;
  const { layers, builtNeeds } = build;
  const make = (spec: LayerSpec | null): Promise<void> => layerOf(world, spec, say, signal);
  const copy = asked.isChecked ? newId('job').toLowerCase() : null;
  const sent = sendTree(world, app, tree, copy).then(() => asked.placed());
  const isInImage = Boolean(build.artifact.plan.image);
  const run = isInImage ? Promise.resolve() : make(layers.run);
  const gate = isKnown || isInImage ? Promise.resolve() : run.then(() => make(layers.gate));
  /** Made when the first check of the part asks for it. */
  const parts = new Map<LayerSpec, Promise<void>>();
  const part = (spec: LayerSpec): Promise<void> => {
    const making = parts.get(spec) ?? below(spec).then(() => make(spec));
    parts.set(spec, making);
    making.catch(() => {});
    return making;
  };
  /** Of an app in an image nothing but the making of the checks' layer needs what would serve without one: it is not kept. */
  async function below(spec: LayerSpec): Promise<void> {
    if (!isInImage) return run;
    const isBound = layers.run !== null && layersUnder(spec).includes(layers.run.key);
    if (isBound && !(await world.agent.hasLayer(refOf(app), spec.key))) await make(layers.run);
  }
  const built = buildTree();
  const image = asked.image ?? beginImage(world, asked);
  /** By part and tools, made when the first check asks for it. */
  const checking = new Map<string, ReturnType<typeof placeForTests>>();
  for (const promise of [sent, run, gate, built, image]) promise.catch(() => {});

  /** What the tree becomes before it is served: when it is there, and the layers that it stands on. */
  async function buildTree(): Promise<void> {
    if (layers.built === null) return;
    const needsGate = builtNeeds.includes('gate');
    await Promise.all([sent, run, needsGate && isKnown ? run.then(() => make(layers.gate)) : null]);
    if (needsGate) await gate;
    await make(layers.built);
  }

  return {
    copy,
    sent,
    async whenServable() {
      if (!build.artifact.plan.image) await Promise.all([sent, run, built]);
      return image;
    },
    async inImage(plan, pinned) {
      const work = testsOf(plan, build);
      const served = await image;
      if (served === null || work === null) throw fail('internal', 'There is no image to check in');
      const key = [plan.part?.language, plan.part?.root, ...Object.keys(pinned)].join(' ');
      const making =
        checking.get(key) ??
        (build.image === null
          ? Promise.resolve({ image: served.id })
          : placeForTests(world, app, build.image, { forTests: work, pinned }, say, signal));
      checking.set(key, making);
      // What it gets of the commit is of its tree.
      const [place] = await Promise.all([making, sent]);
      if (typeof place === 'string') return place;
      const words = 'argv' in plan.command ? plan.command.argv : [];
      const cache = words.some((word) => word.includes('{cache}')) ? { cache: true as const } : {};
      if (plan.inImage !== 'tests') return { ...place, ...cache, sources: tree.id };
      return { ...place, tests: { treeId: tree.id, files: work.files } };
    },
    async whenCheckable(plan) {
      if (plan.layer === 'gate') await run.catch(unbuilt);
      const layer = checkLayer(plan, build);
      if (layer !== null) await (layer === layers.gate && !isInImage ? gate : part(layer));
    },
  };
}

/** The build says why; the checks have nothing to look at, which is no fault of the machinery. */
export function unbuilt(cause: unknown): never {
  throw fail('cancelled', 'the build failed', { cause });
}

/** A tree that is there already (a rollback, a re-push) is not sent again, unless checks need a copy of their own. */
async function sendTree(world: World, app: App, tree: GitTree, copy: string | null): Promise<void> {
  if (copy === null && (await world.agent.hasTree(refOf(app), tree.id))) return;
  await world.agent.putTree(refOf(app), tree.id, copy, tree.files());
}

async function layerOf(
  world: World,
  spec: Build['layers']['run'],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!spec) return;
  let isFirst = true;
  const made = await makeLayer(
    world.agent,
    spec,
    (line) => {
      if (isFirst) say(spec.from ? 'building' : 'installing dependencies');
      isFirst = false;
      // Where things lie on the server is not the pusher's business.
      if (line.trim() !== '' && !/^\s*(?:Using|Creating) /.test(line)) say(`  ${safe(line.trimEnd())}`);
    },
    signal,
  );
  if (!made.wasThere) say(`${spec.from ? 'built' : 'dependencies'} ok ${(made.durationMs / 1000).toFixed(1)}s`);
}
