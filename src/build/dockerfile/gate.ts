// What the checks of a Python app need beside it, as an image of its own: installed from what the candidate began with, in a folder that comes
// last on the path, so that the versions which serve are those that are tested. Nothing of the commit is in it but what says what to install: it
// stays while that does, and a test's container is given the folder (`agent/images/tool-volumes.ts`), never the image.

import type { AppId } from '../../domain/ids.ts';
import { imageTag } from '../../domain/image.ts';
import type { LayerRecipe } from '../../domain/plan.ts';
import { layerSteps } from '../layer-steps.ts';
import { copyFiles, env, run } from './lines.ts';
import { uvVersion } from './python.ts';
import type { DockerfileFacts } from './read-dockerfile.ts';

/** As a job in an image finds them (`agent/jobs/in-image.ts`). */
const folder = '/lockstep/gate';
const inputs = '/lockstep/inputs';
const cacheFolder = '/lockstep/cache';

export type GateAsked = {
  appId: AppId;
  /** Of the candidate, or of the stage of its Dockerfile in which it tests. */
  imageKey: string;
  facts: Pick<DockerfileFacts, 'stages'>;
  recipe: LayerRecipe;
};

export function writeGate({ appId, imageKey, facts, recipe }: GateAsked): string {
  const image = imageTag(appId, imageKey);
  const cache = { folder: cacheFolder, id: `${appId}-gate` };
  const place = (word: string): string =>
    word
      .replace('{tool:uv}/bin/uv', 'uv')
      .replace('{python}', 'python3')
      .replaceAll('{layer}', folder)
      .replaceAll('{inputs}/', '')
      .replaceAll('{inputs}', inputs)
      .replaceAll('{cache}', `${cacheFolder}/uv`);
  const steps = layerSteps(recipe, 'gate');
  const settings = Object.entries(steps[0]?.env ?? {}).map(([name, value]) => [name, place(value)]);
  return [
    `FROM ${beganWith(facts) ?? image}`,
    'USER 0:0',
    ...env({
      ...Object.fromEntries(settings),
      ...{ PIP_CACHE_DIR: `${cacheFolder}/pip`, PIP_ROOT_USER_ACTION: 'ignore', PIP_BREAK_SYSTEM_PACKAGES: '1' },
    }),
    run(['mkdir', '-p', inputs]),
    run(['python3', '-m', 'pip', 'install', '--quiet', `uv==${uvVersion}`], cache),
    `WORKDIR ${inputs}`,
    ...copyFiles(recipe.inputs),
    ...steps.map(({ argv }) => run(argv.map(place), argv[0]!.includes('{tool:uv}') ? cache : null)),
    '',
  ].join('\n');
}

/** The image of a registry that the last stage stands on; null: there is none that can be named. */
function beganWith({ stages }: Pick<DockerfileFacts, 'stages'>): string | null {
  let at = stages.length - 1;
  for (let base = stages[at]?.base.toLowerCase(); ; ) {
    const below = stages.slice(0, at).findLastIndex(({ name }) => name === base);
    if (below < 0) break;
    at = below;
    base = stages[at]!.base.toLowerCase();
  }
  const base = stages[at]?.base ?? '';
  return base === '' || base === 'scratch' || base.includes('$') ? null : base;
}
