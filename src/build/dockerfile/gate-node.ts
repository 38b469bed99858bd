// What the checks of a Node app need: everything that package.json names for development, installed as in the app's own stage, and the package
// managers that its scripts may call. The image's npm is copied, so that an app that needs no package asks no registry; of the image itself
// it is linked, since a distribution's npm lies in pieces (Debian's in /usr/share/nodejs).
import type { LayerRecipe } from '../../domain/plan.ts';
import { nodeSteps } from '../node-steps.ts';
import { type CacheMount, copyFiles, env, run, runLine } from './lines.ts';
import { managerPackages } from './node.ts';

/** Fails where there is no npm, by which everything else is installed. */
export const needsNpm = runLine('command -v npm >/dev/null');

/** `folder` gets `modules` and `managers`. */
export function nodeGate({
  recipe: { installer, inputs },
  root,
  early,
  folder,
  cache,
  isOfItself = false,
}: {
  recipe: LayerRecipe;
  root: string;
  early: readonly string[];
  folder: string;
  cache: CacheMount;
  isOfItself?: boolean;
}): string[] {
  const [modules, managers] = [`${folder}/modules`, `${folder}/managers`];
  const bring = isOfItself ? 'ln -s' : 'cp -R';
  // What is called npm may be a wrapper, beside which there is something else.
  const places = '"$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$(npm root -g 2>/dev/null)/npm"';
  const npm = [
    runLine(
      `mkdir -p ${modules} ${managers}/node_modules && for at in ${places}; do if test -f "$at/bin/npm-cli.js"; then ${bring} "$at" ${managers}/node_modules/npm || exit 1; break; fi; done`,
    ),
  ];
  if (installer.tool !== 'node' || installer.manager === null) return npm;
  const step = nodeSteps(installer, 'gate').at(-1)!;
  const settings = Object.entries(step.env).map(([name, value]) => [name, value.replaceAll('{cache}', cache.folder)]);
  const other = managerPackages[installer.manager];
  const [, program = '', ...words] = step.argv;
  return [
    ...npm,
    needsNpm,
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
