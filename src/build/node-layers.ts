// The dependency layers of a Node app, and how its tree is built: by the lock file's own package manager, from package.json
// and the lock alone; what serves has no development dependencies, what builds and checks has them.
import { readFileSync } from 'node:fs';
import { wantedNode } from '../config/readers/node-version.ts';
import { type PackageJson, readPackageJson } from '../config/readers/package-json.ts';
import { fail } from '../domain/errors.ts';
import type { BuiltRecipe, LayerRecipe, NodeManager } from '../domain/plan.ts';
import type { Layers } from './layers.ts';
import { managerFiles, managerTool } from './node-steps.ts';
import { hasFile, readConfigFile, type TreeView } from './tree-view.ts';

const nodeTree = new URL('../lib/node-tree.mjs', import.meta.url);
const mostWorkspaces = 200;

/** @throws bad-config */
export async function nodeLayers(view: TreeView): Promise<Layers> {
  const read = (path: string) => readConfigFile(view, path);
  const manifest = await readManifest(view);
  if (manifest === null) throw fail('bad-config', 'there is no package.json', { advice: 'Commit it.' });
  const wanted = wantedNode({
    nvmrc: await read('.nvmrc'),
    nodeVersion: await read('.node-version'),
    engines: manifest.enginesNode,
  });
  const interpreter = { kind: 'node', version: wanted?.spec ?? null } as const;
  const notes: string[] = [];
  const isBrought = view.list().some(({ path }) => path.startsWith('node_modules/'));
  if (isBrought) notes.push('node_modules is in the repository, and used as it is; nothing is installed');
  const { manager, isLocked, lock } = await managerOf(view, manifest, notes);
  const isEmpty =
    !hasAny(manifest.dependencies) && !hasAny(manifest.devDependencies) && manifest.workspaces.length === 0;
  const hasWorkspaces = manifest.workspaces.length > 0 || hasFile(view, 'pnpm-workspace.yaml');
  const installs = !isBrought && !(isEmpty && !hasWorkspaces);
  const inputs = installs ? inputsOf(view, lock, hasWorkspaces) : [];
  const recipe = (): LayerRecipe => ({
    interpreter,
    inputs,
    extras: [],
    installer: { tool: 'node', manager: installs ? manager : null, isLocked },
  });
  const serves = installs && (hasAny(manifest.dependencies) || hasWorkspaces);
  return {
    layer: recipe(),
    gateLayer: recipe(),
    built: builtOf(manifest, { serves, installs, manager }, notes),
    notes,
  };
}

/** null: there is none. @throws bad-config */
export async function readManifest(view: TreeView): Promise<PackageJson | null> {
  const text = await readConfigFile(view, 'package.json');
  return text === null ? null : readPackageJson(text);
}

/** Whose lock file is there; without one, whom package.json names. */
async function managerOf(
  view: TreeView,
  { packageManager, dependencies, devDependencies }: PackageJson,
  notes: string[],
): Promise<{ manager: NodeManager; isLocked: boolean; lock: string | null }> {
  const lockOf: Record<string, string[]> = {
    pnpm: ['pnpm-lock.yaml'],
    yarn: ['yarn.lock'],
    npm: ['npm-shrinkwrap.json', 'package-lock.json'],
  };
  const found = Object.entries(lockOf).flatMap(([name, files]) => {
    const file = files.find((one) => hasFile(view, one));
    return file === undefined ? [] : [{ name, file }];
  });
  const named = packageManager?.name ?? null;
  const winner = found.find(({ name }) => name === named) ?? found[0];
  if (winner === undefined) {
    if (hasAny(dependencies) || hasAny(devDependencies))
      notes.push(
        `there is no lock file that npm, pnpm or yarn reads: the newest versions that package.json allows are installed; commit a lock file`,
      );
    const modern = Number.parseInt(packageManager?.version ?? '', 10) >= 2 ? 'yarn-berry' : 'yarn';
    const manager = named === 'pnpm' ? 'pnpm' : named === 'yarn' ? modern : 'npm';
    return { manager, isLocked: false, lock: null };
  }
  for (const { file } of found.filter((one) => one !== winner)) notes.push(`${file} is not used: ${winner.file} is`);
  const lock = winner.file;
  const head = (await view.read(lock, 32 * 1024 * 1024))?.subarray(0, 2048).toString('utf8') ?? '';
  if (winner.name === 'npm') return { manager: 'npm', isLocked: true, lock };
  if (winner.name === 'pnpm') {
    const form = Number.parseFloat(/^lockfileVersion:\s*'?(\d+(?:\.\d+)?)/m.exec(head)?.[1] ?? '9');
    return { manager: form < 7 ? 'pnpm-8' : 'pnpm', isLocked: true, lock };
  }
  const form = /^__metadata:\s*\n\s*version:\s*(\d+)/m.exec(head)?.[1];
  if (form === undefined) return { manager: 'yarn', isLocked: true, lock };
  const isCurrent = Number(form) >= 8;
  if (!isCurrent) notes.push(`${winner.file} is of an older form of yarn's, and is read as one of today`);
  return { manager: 'yarn-berry', isLocked: isCurrent, lock };
}

/** All that the package manager may look at: no source. */
function inputsOf(view: TreeView, lock: string | null, hasWorkspaces: boolean): string[] {
  const paths = view
    .list()
    .filter(({ mode }) => mode.startsWith('100'))
    .map(({ path }) => path);
  const settings = ['package.json', '.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml', '.pnpmfile.cjs'];
  const wanted = paths.filter(
    (path) => settings.includes(path) || /^(?:patches|\.yarn\/patches)\/[^/]+\.(?:patch|diff)$/.test(path),
  );
  const workspaces = hasWorkspaces
    ? paths
        .filter((path) => /\/package\.json$/.test(path) && !/(?:^|\/)node_modules\//.test(path))
        .slice(0, mostWorkspaces)
    : [];
  return [...(lock === null ? [] : [lock]), ...wanted, ...workspaces];
}

/** Scripts of package.json that need the sources, in the order in which they run. */
export function buildScripts({ scripts }: PackageJson): string[] {
  const postinstall = scripts.postinstall !== undefined && scripts.postinstall.trim() !== 'patch-package';
  const build = ['build', 'prepare'].find((name) => scripts[name] !== undefined);
  const isOfGit = build === 'prepare' && /husky|lefthook|simple-git-hooks|git config|is-ci/.test(scripts.prepare!);
  return [...(postinstall ? ['postinstall'] : []), ...(build === undefined || isOfGit ? [] : [build])];
}

/** null: the tree serves as it is. */
function builtOf(
  manifest: PackageJson,
  { serves, installs, manager }: { serves: boolean; installs: boolean; manager: NodeManager },
  notes: string[],
): BuiltRecipe | null {
  const scripts = buildScripts(manifest);
  if (!serves && scripts.length === 0) return null;
  if (scripts.length > 0)
    notes.push(`it is built by ${scripts.map((name) => `"${name}"`).join(', then ')} of package.json`);
  const isBuilding = scripts.length > 0;
  const needs: ('run' | 'gate')[] = ['run', ...(isBuilding ? (['gate'] as const) : [])];
  const gate = isBuilding && installs ? '{layer:gate}' : '';
  return {
    interpreter: { kind: 'none' },
    needs: [...needs].reverse(),
    tools: isBuilding ? ['node', ...new Set(['npm', managerTool(manager)])] : ['node'],
    files: { 'node-tree.mjs': readFileSync(nodeTree, 'utf8') },
    steps: [
      {
        argv: [
          ...['{tool:node}', '{inputs}/node-tree.mjs', 'build', gate, installs ? '{layer:run}' : ''],
          isBuilding ? managerFiles(manager) : '{}',
          ...scripts,
        ],
        env: isBuilding ? { NODE_ENV: 'production', CI: 'true', HUSKY: '0' } : {},
      },
    ],
  };
}

const hasAny = (table: Readonly<Record<string, string>>): boolean => Object.keys(table).length > 0;
