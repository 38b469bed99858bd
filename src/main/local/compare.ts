// Is what runs here the very image that is live, and if not: what differs? Pure. An id is a digest of everything in an image, times too: the
// same id is the same image, and of another one only what is known is said.
import type { ImageId, TreeId } from '../../domain/ids.ts';
import type { ImageDetails, LiveFacts } from '../../domain/live.ts';

export type Here = {
  image: ImageId;
  tree: TreeId;
  details: ImageDetails | null;
  /** Names of the image that it begins with, and how many layers that has; null: it is not known. */
  base: { name: string; layers: number } | null;
  /** Files in which the trees differ; null: the live one is not in this repository. */
  changed: readonly string[] | null;
  /** Files by which dependencies are told. */
  inputs: readonly string[];
};

export type Difference = { what: string; isSame: boolean | null; said: string };

export type Comparison = {
  isSame: boolean;
  version: number | null;
  here: string;
  live: string;
  /** Empty when it is the same image. */
  lines: readonly Difference[];
};

const lockFile =
  /(?:^|\/)(?:requirements[^/]*\.(?:txt|in)|uv\.lock|poetry\.lock|Pipfile\.lock|pyproject\.toml|package(?:-lock)?\.json|pnpm-lock\.yaml|yarn\.lock|go\.(?:mod|sum))$/;

/** null: what is live is no image. */
export function compareWithLive(here: Here, live: LiveFacts): Comparison | null {
  if (live.image === null) return null;
  const common = { version: live.release.version, here: here.image, live: live.image.id };
  if (here.image === live.image.id) return { ...common, isSame: true, lines: [] };
  const there = live.image.details;
  return {
    ...common,
    isSame: false,
    lines: [treeLine(here, live), ...filesLines(here), ...imageLines(here, there)],
  };
}

function treeLine({ tree, changed }: Here, { release }: LiveFacts): Difference {
  const isSame = tree === release.tree;
  const [ours, theirs] = [tree, release.tree].map((id) => id.slice(0, 10));
  const files =
    changed === null
      ? `; commit ${release.commit.slice(0, 7)} is not in this repository: git fetch lockstep`
      : `: ${listed(changed)}`;
  return { what: 'tree', isSame, said: isSame ? `the same (${ours})` : `${ours} here, ${theirs} live${files}` };
}

function filesLines({ changed, inputs }: Here): Difference[] {
  const of = (what: string, isOne: (path: string) => boolean): Difference => {
    const found = changed?.filter(isOne) ?? null;
    if (found === null) return { what, isSame: null, said: 'not known' };
    return { what, isSame: found.length === 0, said: found.length === 0 ? 'the same' : `${listed(found)} differs` };
  };
  const known = new Set(inputs);
  return [
    of('Dockerfile', (path) => path === 'Dockerfile' || path === '.dockerignore'),
    of('dependencies', (path) => known.has(path) || lockFile.test(path)),
  ];
}

function imageLines({ details, base }: Here, there: ImageDetails | null): Difference[] {
  if (details === null || there === null)
    return [{ what: 'layers', isSame: null, said: 'not known: the engine does not say what the image is made of' }];
  const { layers } = details;
  const differing = layers.findIndex((layer, at) => layer !== there.layers[at]);
  const same = differing < 0 ? layers.length : differing;
  const plain = (what: string, ours: string, theirs: string): Difference => ({
    ...{ what, isSame: ours === theirs },
    said: ours === theirs ? `the same (${ours})` : `${ours} here, ${theirs} live`,
  });
  return [
    ...(base === null ? [] : [baseLine(base, same, details, there)]),
    {
      what: 'layers',
      isSame: same === layers.length && same === there.layers.length,
      said:
        same === layers.length && same === there.layers.length
          ? `the same (${same})`
          : `the first ${same} of ${layers.length} are the same`,
    },
    {
      what: 'start',
      isSame: details.config === there.config,
      said: details.config === there.config ? 'the same' : 'user, folder, environment, command or ports differ',
    },
    plain('platform', details.platform, there.platform),
    plain('engine', details.engine, there.engine),
  ];
}

function baseLine(
  base: { name: string; layers: number },
  same: number,
  { layers }: ImageDetails,
  there: ImageDetails,
): Difference {
  const isSame = same >= base.layers;
  const top = (all: readonly string[]) => (all[base.layers - 1] ?? 'nothing').slice(0, 19);
  return {
    ...{ what: 'base image', isSame },
    said: isSame
      ? `${base.name}, the same (${base.layers} ${base.layers === 1 ? 'layer' : 'layers'})`
      : `${base.name} is ${top(layers)} here, ${top(there.layers)} live: docker pull ${base.name}`,
  };
}

const listed = (paths: readonly string[]): string =>
  `${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ` and ${paths.length - 5} more` : ''}`;
