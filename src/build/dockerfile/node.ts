// A Node app: what serves is installed without development dependencies, in a stage of its own; where package.json builds, that happens beside
// it with them, and only its result is taken.
import { installingPart } from '../../config/readers/package-json.ts';
import { buildScripts, readManifest } from '../node-layers.ts';
import { nodeSteps } from '../node-steps.ts';
import { readConfigFile, type TreeView } from '../tree-view.ts';
import { baseOf, siteBase } from './bases.ts';
import { copyFiles, env, run, runLine } from './lines.ts';
import { appFolder, cacheFolder, type Writer } from './stages.ts';

/** As the process runtime has them (`agent/toolchains/npm-tools.ts`; a test holds them together). The images bring npm. */
export const managerPackages: Readonly<Record<string, string>> = {
  pnpm: 'pnpm@10.34.9',
  'pnpm-8': 'pnpm@8.15.9',
  yarn: 'yarn@1.22.22',
  'yarn-berry': '@yarnpkg/cli-dist@4.18.1',
};
const commands: Readonly<Record<string, string>> = {
  npm: 'npm',
  pnpm: 'pnpm',
  'pnpm-8': 'pnpm',
  yarn: 'yarn',
  'yarn-berry': 'yarn',
};
const lifecycle = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish'];

/** Scripts that installing would run, and that want sources which are not there yet. */
export async function earlyScripts(view: TreeView): Promise<string[]> {
  const manifest = await readManifest(view);
  const text = (await readConfigFile(view, 'package.json')) ?? '{}';
  const kept = JSON.parse(installingPart(text)).scripts ?? {};
  return lifecycle.filter((name) => manifest?.scripts[name] !== undefined && kept[name] === undefined);
}

export const writeNode: Writer = async ({ plan, view, notes, cache }) => {
  const base = baseOf(plan.layer.interpreter, notes);
  const manifest = await readManifest(view);
  const { installer, inputs } = plan.layer;
  const manager = installer.tool === 'node' ? installer.manager : null;
  const scripts = manifest === null ? [] : buildScripts(manifest);
  const early = await earlyScripts(view);
  const install = (purpose: 'run' | 'gate', name: string): string[] => {
    const first = [`FROM ${base} AS ${name}`];
    if (manager === null || installer.tool !== 'node') return [...first, `WORKDIR ${appFolder}`];
    const step = nodeSteps(installer, purpose).at(-1)!;
    const settings = Object.entries(step.env).map(([key, value]) => [key, value.replaceAll('{cache}', cacheFolder)]);
    const tool = managerPackages[manager];
    return [
      ...first,
      ...env(Object.fromEntries(settings)),
      ...(tool === undefined ? [] : [run(['npm', 'install', '--global', '--no-audit', '--no-fund', tool], cache)]),
      `WORKDIR ${appFolder}`,
      ...copyFiles(inputs),
      ...(early.length > 0 ? [run(['npm', 'pkg', 'delete', ...early.map((one) => `scripts.${one}`)])] : []),
      // The first two words are Lockstep's Node and its manager.
      run([commands[manager]!, ...step.argv.slice(2)], cache),
    ];
  };
  const isBuilt = scripts.length > 0;
  const build = [
    ...install('gate', 'build'),
    'COPY . .',
    ...scripts.map((name) => run(['npm', 'run', name])),
    ...(manager === null ? [] : [runLine("find . -name node_modules -prune -exec rm -rf '{}' +")]),
  ];
  const stages = [
    ...(isBuilt ? [build] : []),
    ...(manager === null || plan.site !== undefined ? [] : [install('run', 'run')]),
  ];
  if (plan.site !== undefined)
    return {
      stages,
      base: siteBase,
      takes: [`COPY --from=build ${appFolder}/${plan.site} /site`],
      layer: null,
      path: [],
      env: {},
    };
  return {
    stages,
    base,
    takes: [
      ...(manager === null ? [] : [`COPY --from=run ${appFolder} ${appFolder}`]),
      isBuilt ? `COPY --from=build ${appFolder} ${appFolder}` : 'COPY . .',
    ],
    layer: '/usr/local',
    path: [`${appFolder}/node_modules/.bin`],
    env: { HOST: '0.0.0.0' },
  };
};
