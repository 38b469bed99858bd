// What the checks of an app need beside it, as an image of its own: installed from what the candidate began with, in a folder that comes last
// (of Python's path; of Node the packages that the image lacks), so that the versions which serve are those that are tested. Nothing of the
// commit is in it but what says what to install: it stays while that does, and a test's container is given the folder
// (`agent/images/tool-volumes.ts`), never the image.

import type { AppId } from '../../domain/ids.ts';
import { imageTag } from '../../domain/image.ts';
import type { LayerRecipe } from '../../domain/plan.ts';
import { layerSteps } from '../layer-steps.ts';
import { needsNpm, nodeGate } from './gate-node.ts';
import { type CacheMount, copyFiles, env, pythonWord, run } from './lines.ts';
import { uvVersion } from './python.ts';
import { chainOf, type DockerfileFacts, type Stage } from './read-dockerfile.ts';

/** As a job in an image finds them (`agent/jobs/in-image.ts`). */
const folder = '/lockstep/gate';
const inputs = '/lockstep/inputs';
const cacheFolder = '/lockstep/cache';

export type GateAsked = {
  appId: AppId;
  /** Of the candidate, or of the stage of its Dockerfile in which it tests. */
  imageKey: string;
  facts: Pick<DockerfileFacts, 'stages'>;
  /** In which it tests. */
  stage: Stage;
  recipe: LayerRecipe;
  /** The folder of the commit that the recipe's inputs are named from: '' the top. */
  root: string;
  /** Scripts of package.json that want the sources. */
  early: readonly string[];
  /** Python's tools of Lockstep's own that it brings besides; left out: none. */
  pinned?: Pinned;
  /** Of the image itself, and not of what that began with. */
  isOfItself?: boolean;
};

/** Lines of requirements with the hash of every file that may be taken, by the tool's name. */
export type Pinned = Readonly<Record<string, string>>;

export function writeGate(asked: GateAsked): string {
  const { appId, imageKey, recipe } = asked;
  const cache = { folder: cacheFolder, id: `${appId}-gate` };
  const steps = recipe.installer.tool === 'node' ? nodeGate({ ...asked, folder, cache }) : pythonGate(asked, cache);
  const from = asked.isOfItself ? null : beganWith(asked);
  return [`FROM ${from ?? imageTag(appId, imageKey)}`, 'USER 0:0', ...steps, ''].join('\n');
}

/**
 * What it means that a step of these could not be done, which are the same for every app: the image cannot hold them. `mayHave`: not what it
 * begins with, but the image itself, whose Dockerfile may install it (`apt-get install python3-pip`, `apt-get install npm`).
 */
const lacking: readonly { step: string; why: string; mayHave: boolean }[] = [
  { step: 'RUN mkdir -p /lockstep/', why: 'what it begins with has no shell', mayHave: false },
  { step: ' python3 -m pip install --quiet uv==', why: 'what it begins with has no pip that works', mayHave: true },
  { step: needsNpm, why: 'what it begins with has no npm', mayHave: true },
];

/** @param why as `whyNotInstalled` says it */
export const mayHaveItself = (why: string): boolean => lacking.some((one) => one.mayHave && one.why === why);

/** Why what the checks need is not there, for the pusher. @param why what the build said */
export const whyNotInstalled = (why: string): string =>
  lacking.find(({ step }) => why.includes(step))?.why ??
  `what it needs could not be installed there: ${why.replace(/^.{0,60} could not be built: /, '')}`;

function pythonGate({ recipe, root, pinned = {} }: GateAsked, cache: CacheMount): string[] {
  const place = (word: string): string =>
    pythonWord(word)
      .replace('{tool:uv}/bin/uv', 'uv')
      .replace('{python}', 'python3')
      .replaceAll('{layer}', folder)
      .replaceAll('{inputs}/', '')
      .replaceAll('{inputs}', inputs)
      .replaceAll('{cache}', `${cacheFolder}/uv`);
  const steps = layerSteps(recipe, 'gate');
  const settings = Object.entries(steps[0]?.env ?? {}).map(([name, value]) => [name, place(value)]);
  return [
    ...env({
      ...Object.fromEntries(settings),
      ...{ PIP_CACHE_DIR: `${cacheFolder}/pip`, PIP_ROOT_USER_ACTION: 'ignore', PIP_BREAK_SYSTEM_PACKAGES: '1' },
    }),
    run(['mkdir', '-p', inputs]),
    run(['python3', '-m', 'pip', 'install', '--quiet', `uv==${uvVersion}`], cache),
    `WORKDIR ${inputs}`,
    ...copyFiles(recipe.inputs, root),
    ...steps.map(({ argv }) => run(argv.map(place), argv[0]!.includes('{tool:uv}') ? cache : null)),
    ...Object.entries(pinned).flatMap(([name, lines]) => pinnedTool(name, lines, cache)),
  ];
}

const writeLines = 'import sys; open(sys.argv[1], "w").write(sys.argv[2].replace(" | ", "\\n"))';

/** In a folder of its own, which comes after everything else: nothing of it stands for a package of the app's. */
function pinnedTool(name: string, lines: string, cache: CacheMount): string[] {
  const [file, target] = [`${inputs}/${name}.txt`, `${folder}/tools/${name}`];
  const python = `${folder}/bin/python`;
  const install = ['uv', 'pip', 'install', '--python', python, '--target', target, '--no-deps', '--require-hashes'];
  return [
    // No word of a Dockerfile has two lines.
    run(['python3', '-c', writeLines, file, lines.trimEnd().replaceAll('\n', ' | ')]),
    run([...install, '--only-binary', ':all:', '-r', file], cache),
    run([python, '-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', target]),
  ];
}

/** The image of a registry that the stage stands on; null: there is none that can be named. */
function beganWith({ facts, stage }: Pick<GateAsked, 'facts' | 'stage'>): string | null {
  const { base } = chainOf(facts.stages, stage)[0]!;
  return base === '' || base === 'scratch' || base.includes('$') ? null : base;
}
