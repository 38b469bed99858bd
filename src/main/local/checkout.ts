// The image of a checkout on a developer's engine, and how it stands to the one that is live.
import { imageDetails } from '../../agent/images/image-exports.ts';
import { readDockerfile } from '../../build/dockerfile/read-dockerfile.ts';
import type { GitTree } from '../../build/git-tree.ts';
import { readConfigFile } from '../../build/tree-view.ts';
import type { TreeId } from '../../domain/ids.ts';
import type { LiveFacts } from '../../domain/live.ts';
import type { Artifact } from '../../domain/release.ts';
import { type Comparison, compareWithLive } from './compare.ts';
import { type BuildInputs, type LocalImage, makeLocalImage, type Whose } from './image.ts';
import { keepNewest } from './own-images.ts';
import type { LocalPlace } from './place.ts';
import { withTree } from './plan.ts';

export type CheckoutAsked = {
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
  whose: Whose;
  /** null: no server is known, or nothing is live. */
  live: LiveFacts | null;
  inputs: BuildInputs;
  say(line: string): void;
  signal: AbortSignal;
};

export type CheckoutImage = {
  artifact: Artifact;
  /** Processes of it that are not started here. */
  others: readonly string[];
  /** null: there is nothing to hold it against. */
  comparison: Comparison | null;
};

/** @throws bad-config, no-detector, install-failed, engine-away, pull-refused, … */
export function imageOfCheckout(place: LocalPlace, asked: CheckoutAsked): Promise<CheckoutImage> {
  const { objects, treeInto, whose, live, inputs, say, signal } = asked;
  return withTree({ objects, treeInto, baseTree: null }, async (tree, _diff, open) => {
    const made = await makeLocalImage(place, whose, tree, inputs, say, signal);
    const { artifact } = made;
    await keepNewest(place.engine, whose.appId, artifact.image!.id);
    const others = Object.keys(artifact.plan.processes).filter((type) => type !== 'web');
    if (live === null) return { artifact, others, comparison: null };
    const there = tree.id === live.release.tree ? tree : await open(live.release.tree);
    const comparison = compareWithLive(
      {
        ...{ image: artifact.image!.id, tree: tree.id },
        details: await imageDetails(place.engine, artifact.image!.id, place.facts.version),
        base: await baseOf(place, tree, made),
        changed: there && changedBetween(tree, there),
        inputs: [...artifact.plan.layer.inputs, ...(artifact.plan.gateLayer?.inputs ?? [])],
      },
      live,
    );
    return { artifact, others, comparison };
  });
}

/** Paths at which two trees hold something else. */
function changedBetween(one: GitTree, other: GitTree): string[] {
  const entriesOf = ({ entries }: GitTree) => new Map(entries.map(({ path, id, mode }) => [path, `${mode} ${id}`]));
  const [ours, theirs] = [entriesOf(one), entriesOf(other)];
  const paths = new Set([...ours.keys(), ...theirs.keys()]);
  return [...paths].filter((path) => ours.get(path) !== theirs.get(path)).sort();
}

/** What the last stage begins with, and how many layers that is. */
async function baseOf(place: LocalPlace, tree: GitTree, { artifact, work }: LocalImage) {
  const text = work === null ? null : (artifact.plan.image?.written ?? (await readConfigFile(tree.view, 'Dockerfile')));
  if (text === null) return null;
  const { stages } = readDockerfile(text, [], artifact.plan.image?.buildArgs ?? {});
  let name = stages.at(-1)?.base ?? '';
  for (let stage = stages.find((one) => one.name === name); stage; stage = stages.find((one) => one.name === name)) {
    if (stage.base === name) break;
    name = stage.base;
  }
  const details = /^[\w./:@-]+$/.test(name) ? await imageDetails(place.engine, name, '') : null;
  return details && { name, layers: details.layers.length };
}
