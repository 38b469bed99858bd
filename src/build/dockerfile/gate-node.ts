// What the checks of a Node app need: everything that package.json names for development, installed as in the app's own stage, and the package
// managers that its scripts may call. The image's npm is copied, so that an app that needs no package asks no registry.
import type { LayerRecipe } from '../../domain/plan.ts';
import { nodeSteps } from '../node-steps.ts';
import { type CacheMount, copyFiles, env, run, runLine } from './lines.ts';
import { managerPackages } from './node.ts';

/** `folder` gets `modules` and `managers`. */
export function nodeGate({
  recipe: { installer, inputs },
  root,
  early,
  folder,
  cache,
}: {
  recipe: LayerRecipe;
  root: string;
  early: readonly string[];
  folder: string;
  cache: CacheMount;
}): string[] {
  const [modules, managers] = [`${folder}/modules`, `${folder}/managers`];
  const npm = [
    runLine(
      `mkdir -p ${modules} ${managers}/node_modules && if command -v npm >/dev/null; then cp -R "$(npm root -g)/npm" ${managers}/node_modules/; fi`,
    ),
  ];
  if (installer.tool !== 'node' || installer.manager === null) return npm;
  const step = nodeSteps(installer, 'gate').at(-1)!;
  const settings = Object.entries(step.env).map(([name, value]) => [name, value.replaceAll('{cache}', cache.folder)]);
  const other = managerPackages[installer.manager];
  const [, program = '', ...words] = step.argv;
  return [
    ...npm,
    ...env(Object.fromEntries(settings)),
    ...(other === undefined
      ? []
      : [run(['npm', 'install', '--prefix', managers, '--no-save', '--no-audit', '--no-fund', other], cache)]),
    `WORKDIR ${modules}`,
    ...copyFiles(inputs, root),
    ...(early.length > 0 ? [run(['npm', 'pkg', 'delete', ...early.map((one) => `scripts.${one}`)])] : []),
    run(['node', program.replace(/^\{tool:[\w-]+\}/, managers), ...words], cache),
  ];
}
