// Does the commit that is live come out as the very image that is live when it is built anew, without any cache? Both are held against each other
// down to each file: what differs is a time, or it is a difference.
import { buildImage } from '../../agent/engine/build-image.ts';
import { labelsOf } from '../../agent/engine/labels.ts';
import { imageDetails } from '../../agent/images/image-exports.ts';
import { withCertificates } from '../../agent/images/images.ts';
import { compareLayers, type LayerDifference, layersOfArchive } from '../../agent/images/layer-contents.ts';
import { decideImagePlan } from '../../build/image-plan.ts';
import { fail } from '../../domain/errors.ts';
import { type ImageId, parseImageId, type TreeId } from '../../domain/ids.ts';
import type { LiveFacts } from '../../domain/live.ts';
import { answersFrom, type BuildInputs, workOf } from './image.ts';
import type { LocalPlace } from './place.ts';
import { withTree } from './plan.ts';

export type Rebuilt = {
  live: ImageId;
  here: ImageId;
  /** The same image, times and all. */
  isSameBits: boolean;
  /** Each file of each layer is the same, and so is the start: only times differ. */
  isSameContent: boolean;
  isSameStart: boolean;
  /** null: they have not as many layers. */
  layers: readonly LayerDifference[] | null;
  durationMs: number;
};

const mostShown = 20;

/** The live image must be here already (`takeLive`). @throws not-found when the commit is not here, bad-request for a pulled one, install-failed */
export async function rebuildLive(
  place: LocalPlace,
  live: LiveFacts,
  objects: string,
  inputs: BuildInputs,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Rebuilt> {
  const { image, release, appId, app, node } = live;
  if (!image || image.pulled !== null)
    throw fail('bad-request', `what is live of ${app} is not built from its commit`, {
      advice: 'An image of a registry is the same wherever it is pulled by its digest.',
    });
  const treeInto = async (): Promise<TreeId> => release.tree;
  return withTree({ objects, treeInto, baseTree: null }, async (tree) => {
    const plan = await decideImagePlan(tree.view, appId, [app]);
    const whose = { appId, node: node ?? place.node, name: app };
    const { spec, context, asks } = await workOf(place, whose, tree, plan.image!);
    const owner = { node: whose.node, app: appId, tree: tree.id, key: spec.key };
    const answers = withCertificates(place.network, answersFrom(inputs, asks));
    const begunAt = performance.now();
    const end = await buildImage({
      ...{ engine: place, context: context(), target: spec.target, labels: labelsOf(owner), tag: null },
      ...{
        buildArgs: { ...place.network.proxies, ...spec.buildArgs },
        answers,
        isUncached: true,
        deadlineMs: spec.deadlineMs,
        signal,
      },
      onLine: (line) => say(`  ${line.trimEnd()}`),
    });
    if (end.end !== 'built') {
      const why = 'why' in end ? end.why : end.end;
      throw fail(end.end === 'cancelled' ? 'cancelled' : 'install-failed', `it could not be built again: ${why}`);
    }
    const here = parseImageId(end.imageId)!;
    const durationMs = Math.round(performance.now() - begunAt);
    try {
      return { ...(await compare(place, here, image.id, signal)), durationMs };
    } finally {
      // Nobody names it. Without force: what somebody has begun to use stays.
      if (here !== image.id) await place.engine.ask('DELETE', `/images/${here}`, { fine: [404, 409] });
    }
  }).catch((error: unknown) => {
    if (!(error instanceof Error) || !/missing|bad object|not a valid object|Not a valid/i.test(error.message))
      throw error;
    throw fail('not-found', `the commit that is live (${release.commit.slice(0, 7)}) is not in this repository`, {
      advice: 'Fetch it first: git fetch lockstep',
      cause: error,
    });
  });
}

async function compare(
  place: LocalPlace,
  here: ImageId,
  live: ImageId,
  signal: AbortSignal,
): Promise<Omit<Rebuilt, 'durationMs'>> {
  const isSameBits = here === live;
  const [ours, theirs] = await Promise.all([here, live].map((id) => imageDetails(place.engine, id, '')));
  if (!ours || !theirs) throw fail('not-found', 'the image that is live is not on this engine');
  const isSameStart = ours.config === theirs.config;
  if (isSameBits) return { live, here, isSameBits, isSameContent: true, isSameStart, layers: [] };
  const contents = async (id: ImageId) =>
    layersOfArchive((await place.engine.bytes(`/images/${id}/get`, signal)) as AsyncIterable<Buffer>);
  // One after the other: each reads a whole image from the disk.
  const layers = compareLayers(await contents(here), await contents(live));
  const isSameContent = isSameStart && (layers?.every(({ differing }) => differing.length === 0) ?? false);
  return { live, here, isSameBits, isSameContent, isSameStart, layers };
}

/** For people: what came out. */
export function rebuiltLines({ isSameBits, isSameContent, isSameStart, layers, live, durationMs }: Rebuilt): string[] {
  const built = `built again without any cache in ${(durationMs / 1000).toFixed(1)}s`;
  if (isSameBits) return [`${built}: bit for bit the image that is live, ${live}`];
  const lines = (layers ?? []).flatMap(({ layer, files, differing, otherTimes }) => {
    if (differing.length > 0)
      return [
        `  layer ${layer}: ${differing.length} of ${files} files differ`,
        ...differing.slice(0, mostShown).map((path) => `    ${path}`),
        ...(differing.length > mostShown ? [`    and ${differing.length - mostShown} more`] : []),
      ];
    return otherTimes > 0 ? [`  layer ${layer}: the same ${files} files, ${otherTimes} written at another time`] : [];
  });
  return [
    isSameContent
      ? `${built}: the same files in every layer and the same start; only times differ`
      : `${built}: it is not the same`,
    ...lines,
    ...(layers === null ? ['  it has not as many layers as the one that is live'] : []),
    ...(isSameStart ? [] : ['  user, folder, environment, command or ports differ']),
  ];
}
