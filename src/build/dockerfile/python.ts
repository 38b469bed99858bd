// A Python app: its virtual environment by the very steps of its dependency layer, with its bytecode, which saves half a second of every start;
// then the tree, with the bytecode of its own where there is much of it.
import type { LayerRecipe } from '../../domain/plan.ts';
import { layerSteps } from '../layer-steps.ts';
import { makeSite } from '../mkdocs-layers.ts';
import { baseOf, siteBase } from './bases.ts';
import { type CacheMount, copyFiles, env, pythonWord, run } from './lines.ts';
import { appFolder, cacheFolder, type Writer } from './stages.ts';

/** As the process runtime has it (`agent/toolchains/pins.ts`; a test holds them together). */
export const uvVersion = '0.13.9';
const venv = '/opt/venv';
const inputs = '/inputs';
/** A step of its own costs every build more (measured: as much again) than so many files of the app's cost every start. */
const mostUncompiled = 100;

/** The stage in which a layer is made. */
function venvStage(recipe: LayerRecipe, purpose: 'run' | 'gate', base: string, cache: CacheMount): string[] {
  const steps = layerSteps(recipe, purpose);
  const place = (word: string): string =>
    pythonWord(word)
      .replace('{tool:uv}/bin/uv', 'uv')
      .replace('{python}', '/usr/local/bin/python3')
      .replaceAll('{layer}', venv)
      .replaceAll('{inputs}/', '')
      .replaceAll('{cache}', `${cacheFolder}/uv`);
  const settings = Object.entries(steps[0]?.env ?? {}).map(([name, value]) => [name, place(value)]);
  return [
    `FROM ${base} AS build`,
    ...env({ ...Object.fromEntries(settings), PIP_CACHE_DIR: `${cacheFolder}/pip`, PIP_ROOT_USER_ACTION: 'ignore' }),
    run(['pip', 'install', '--quiet', `uv==${uvVersion}`], cache),
    `WORKDIR ${inputs}`,
    ...copyFiles(recipe.inputs),
    ...steps.map(({ argv }) => run(argv.map(place), argv[0]!.includes('{tool:uv}') ? cache : null)),
  ];
}

/** A site of pages that MkDocs makes. */
export const writeMkdocs: Writer = async ({ plan, notes, cache }) => {
  const recipe = plan.gateLayer!;
  const build = [
    ...venvStage(recipe, 'gate', baseOf(recipe.interpreter, notes), cache),
    `WORKDIR ${appFolder}`,
    'COPY . .',
    run([`${venv}/bin/python`, ...makeSite, '/made']),
  ];
  const takes = ['COPY --from=build /made /site'];
  return { stages: [build], base: siteBase, takes, layer: null, path: [], env: {} };
};

export const writePython: Writer = async ({ plan, view, notes, cache }) => {
  const base = baseOf(plan.layer.interpreter, notes);
  const sources = view.list().filter(({ path }) => path.endsWith('.py')).length;
  const compile = ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', appFolder];
  return {
    stages: [venvStage(plan.layer, 'run', base, cache)],
    base,
    takes: [
      `COPY --from=build ${venv} ${venv}`,
      'COPY . .',
      // A file that is not Python of this version (a template, an old test) is no reason not to start.
      ...(sources > mostUncompiled ? [`${run([`${venv}/bin/python`, ...compile])} || true`] : []),
    ],
    layer: venv,
    path: [`${venv}/bin`],
    // Servers that listen on the loopback unless told otherwise.
    env: { PYTHONUNBUFFERED: '1', FLASK_RUN_HOST: '0.0.0.0', UVICORN_HOST: '0.0.0.0' },
  };
};
