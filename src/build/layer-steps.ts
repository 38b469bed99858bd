// The commands that make a layer, as data. Places: {tool:uv}, {python}, {layer}, {inputs} (a directory with the recipe's
// inputs only, the working directory of each step), {cache}, {layer:KEY} (another layer of the same app, finished).
import type { LayerRecipe } from '../domain/plan.ts';
import { goModSteps } from './go-layers.ts';
import type { LayerPurpose } from './layer-key.ts';
import { nodeSteps, nodeTools } from './node-steps.ts';
import { writeOwnDistribution } from './own-distribution.ts';

export type LayerStep = { argv: readonly string[]; env: Readonly<Record<string, string>>; cwd?: 'layer' };

/** The tools that the steps of a recipe name. */
export const layerTools = ({ installer }: LayerRecipe): string[] =>
  installer.tool === 'node' ? nodeTools(installer) : installer.tool === 'go-mod' ? [] : ['uv'];

/** Writes what a layer holds as constraints, so that the checks run against the very versions that will serve; the tree's own is none. */
const writeConstraints =
  'import sys, importlib.metadata as m; open(sys.argv[1], "w").writelines(sorted({f"{d.metadata[\'Name\']}=={d.version}\\n" for d in m.distributions() if (d.read_text("INSTALLER") or "").strip() != "lockstep"}))';

/** A build backend looks for the folders that it names, and writes beside them what it always writes: the inputs are a copy. */
const makeFolders = 'import os, sys; [os.makedirs(one, exist_ok=True) for one in sys.argv[1:]]';

/** @param runKey the finished layer that will serve, whose versions bind the gate's; null: none */
export function layerSteps(
  recipe: LayerRecipe,
  purpose: LayerPurpose,
  runKey: string | null = null,
): readonly LayerStep[] {
  if (recipe.interpreter.kind === 'none') return [];
  if (recipe.installer.tool === 'node') return nodeSteps(recipe.installer, purpose === 'gate' ? 'gate' : 'run');
  if (recipe.installer.tool === 'go-mod') return goModSteps(recipe.installer.modules);
  const uv = '{tool:uv}/bin/uv';
  const env = {
    UV_LINK_MODE: 'copy',
    UV_CACHE_DIR: '{cache}',
    UV_NO_CONFIG: '1',
    UV_PYTHON_DOWNLOADS: 'never',
    UV_PROJECT_ENVIRONMENT: '{layer}',
    // It has no history to find a version in.
    ...(recipe.installer.tool === 'uv-project' && recipe.installer.program
      ? { SETUPTOOLS_SCM_PRETEND_VERSION: '0' }
      : {}),
  };
  const isBound = purpose === 'gate' && runKey !== null;
  const constraints = '{layer}/run-constraints.txt';
  const install = [
    ...[uv, 'pip', 'install', '--python', '{layer}/bin/python'],
    ...(isBound ? ['--constraint', constraints] : []),
  ];
  const { installer, extras } = recipe;
  const steps: string[][] = [[uv, 'venv', '{layer}', '--python', '{python}']];
  if (isBound) steps.push([`{layer:${runKey}}/bin/python`, '-I', '-c', writeConstraints, constraints]);
  if (installer.tool === 'uv-sync') {
    steps.push([
      uv,
      'sync',
      '--frozen',
      '--no-install-workspace',
      '--python',
      '{layer}/bin/python',
      ...(purpose === 'gate' ? ['--all-groups', '--all-extras'] : ['--no-dev']),
    ]);
    if (extras.length > 0) steps.push([...install, '--', ...extras]);
  } else {
    const files =
      installer.tool === 'uv-requirements' ? installer.files.flatMap((file) => ['-r', `{inputs}/${file}`]) : [];
    const { program, folders = [] } = installer.tool === 'uv-project' ? installer : {};
    if (folders.length > 0) steps.push(['{layer}/bin/python', '-I', '-c', makeFolders, ...folders]);
    const project =
      installer.tool === 'uv-project'
        ? [
            '-r',
            `{inputs}/${program ?? 'pyproject.toml'}`,
            ...installer.extras.flatMap((one) => ['--extra', one]),
            ...installer.groups.flatMap((one) => ['--group', `{inputs}/pyproject.toml:${one}`]),
          ]
        : [];
    const words = [...files, ...project, ...(extras.length > 0 ? ['--', ...extras] : [])];
    if (words.length > 0) steps.push([...install, ...words]);
    // What is pinned for development gives way to what is there, which is what serves; each file to the one before.
    const kept = '{layer}/kept-versions.txt';
    for (const file of installer.tool === 'uv-requirements' ? [] : (installer.files ?? [])) {
      steps.push(['{layer}/bin/python', '-I', '-c', writeConstraints, kept]);
      steps.push([
        uv,
        'pip',
        'install',
        '--python',
        '{layer}/bin/python',
        '--override',
        kept,
        '-r',
        `{inputs}/${file}`,
      ]);
    }
  }
  if (recipe.own) steps.push(['{layer}/bin/python', '-I', '-c', writeOwnDistribution, JSON.stringify(recipe.own)]);
  if (purpose !== 'versions')
    steps.push([
      ...['{layer}/bin/python', '-m', 'compileall', '-q', '-j', '0'],
      ...['--invalidation-mode', 'unchecked-hash', '{layer}/lib'],
    ]);
  return steps.map((argv) => ({ argv, env }));
}
