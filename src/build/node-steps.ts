// The commands that install a Node app's dependencies into a layer, as data: a table of package managers. They run under
// Lockstep's own Node; what a package's own scripts call `node` is the app's, which the layer has in its bin.
import type { LayerRecipe, NodeManager } from '../domain/plan.ts';

type Installer = Extract<LayerRecipe['installer'], { tool: 'node' }>;
type Step = { argv: readonly string[]; env: Readonly<Record<string, string>>; cwd?: 'layer' };

type Manager = {
  /** Of Lockstep's tools. */
  tool: string;
  /** Its program within the tool's folder, and the name that scripts call it by. */
  file: string;
  command: string;
  argv(given: { isLocked: boolean; isDevelopment: boolean }): string[];
  env: Readonly<Record<string, string>>;
};

const quiet = {
  CI: 'true',
  HUSKY: '0',
  ADBLOCK: '1',
  DISABLE_OPENCOLLECTIVE: '1',
  npm_config_update_notifier: 'false',
};

const pnpm = (tool: string): Manager => ({
  tool,
  file: 'node_modules/pnpm/bin/pnpm.cjs',
  command: 'pnpm',
  argv: ({ isLocked, isDevelopment }) => [
    'install',
    isLocked ? '--frozen-lockfile' : '--no-frozen-lockfile',
    ...(isDevelopment ? [] : ['--prod']),
    '--reporter=append-only',
  ],
  env: {
    npm_config_store_dir: '{cache}/pnpm',
    // A layer is sealed: it must not share files with the store.
    npm_config_package_import_method: 'clone-or-copy',
    npm_config_manage_package_manager_versions: 'false',
    npm_config_confirm_modules_purge: 'false',
  },
});

const managers: Readonly<Record<NodeManager, Manager>> = {
  npm: {
    tool: 'npm',
    file: 'node_modules/npm/bin/npm-cli.js',
    command: 'npm',
    argv: ({ isLocked, isDevelopment }) => [
      isLocked ? 'ci' : 'install',
      isDevelopment ? '--include=dev' : '--omit=dev',
      '--no-audit',
      '--no-fund',
      ...(isLocked ? ['--prefer-offline'] : []),
    ],
    env: { npm_config_cache: '{cache}/npm' },
  },
  pnpm: pnpm('pnpm'),
  'pnpm-8': pnpm('pnpm-8'),
  yarn: {
    tool: 'yarn',
    file: 'node_modules/yarn/bin/yarn.js',
    command: 'yarn',
    argv: ({ isLocked, isDevelopment }) => [
      'install',
      ...(isLocked ? ['--frozen-lockfile'] : ['--no-lockfile']),
      '--non-interactive',
      `--production=${!isDevelopment}`,
      '--no-progress',
    ],
    env: { YARN_CACHE_FOLDER: '{cache}/yarn' },
  },
  'yarn-berry': {
    tool: 'yarn-berry',
    file: 'node_modules/@yarnpkg/cli-dist/bin/yarn.js',
    command: 'yarn',
    argv: ({ isLocked, isDevelopment }) =>
      isDevelopment
        ? ['install', isLocked ? '--immutable' : '--no-immutable']
        : ['workspaces', 'focus', '--all', '--production'],
    env: {
      YARN_NODE_LINKER: 'node-modules',
      YARN_CACHE_FOLDER: '{cache}/yarn-berry',
      YARN_ENABLE_GLOBAL_CACHE: 'false',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_PROGRESS_BARS: '0',
      YARN_IGNORE_PATH: '1',
    },
  },
};

export const managerTool = (manager: NodeManager): string => managers[manager].tool;

/** name -> program, as JSON: what scripts may call. */
export function managerFiles(manager: NodeManager): string {
  const { tool, file, command } = managers[manager];
  const npm = '{tool:npm}/node_modules/npm/bin';
  const files = { npm: `${npm}/npm-cli.js`, npx: `${npm}/npx-cli.js`, [command]: `{tool:${tool}}/${file}` };
  return JSON.stringify({ ...files, npm: `${npm}/npm-cli.js` });
}

/** Tools that the steps name. */
export const nodeTools = ({ manager }: Installer): string[] =>
  manager === null ? [] : ['node', managers[manager].tool];

const begin = 'mkdir -p "$1/bin" && ln -s "$2" "$1/bin/node" && cp -R "$3/." "$1/"';

export function nodeSteps({ manager, isLocked }: Installer, purpose: 'run' | 'gate'): readonly Step[] {
  const first = { argv: ['/bin/sh', '-c', begin, 'sh', '{layer}', '{interpreter}', '{inputs}'], env: {} };
  if (manager === null) return [first];
  const { tool, file, argv, env } = managers[manager];
  const isDevelopment = purpose === 'gate';
  return [
    first,
    {
      argv: ['{tool:node}', `{tool:${tool}}/${file}`, ...argv({ isLocked, isDevelopment })],
      env: { ...quiet, ...env },
      cwd: 'layer',
    },
  ];
}
