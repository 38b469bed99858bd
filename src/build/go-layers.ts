// What a Go app needs: its modules, fetched once into a layer that the checks use too, and the programs built of the tree into
// `bin/`. Lockstep brings `go`; the version that go.mod asks for is fetched with the modules, into the same layer.
import type { BuiltRecipe, LayerRecipe } from '../domain/plan.ts';
import { goMains } from './detectors/go.ts';
import type { Layers } from './layers.ts';
import { hasFile, type TreeView } from './tree-view.ts';

const manifest = /(?:^|\/)(?:go\.mod|go\.sum|go\.work|go\.work\.sum)$/;
const foreign = /(?:^|\/)(?:vendor|testdata|node_modules|[._][^/]*)\//;
/** More modules in one repository are not fetched one by one. */
const mostModules = 20;

/** @throws bad-config */
export async function goLayers(view: TreeView): Promise<Layers & { built: BuiltRecipe }> {
  const inputs = view
    .list()
    .map(({ path }) => path)
    .filter((path) => manifest.test(path) && !foreign.test(path))
    .sort();
  const modules = inputs
    .filter((path) => /(?:^|\/)go\.mod$/.test(path))
    .map((path) => path.slice(0, -'go.mod'.length))
    .filter((folder) => !hasFile(view, `${folder}vendor/modules.txt`))
    .slice(0, mostModules);
  const gateLayer: LayerRecipe = {
    interpreter: { kind: 'go', version: null },
    inputs,
    extras: [],
    installer: { tool: 'go-mod', modules },
  };
  const mains = await goMains(view);
  const built: BuiltRecipe = {
    interpreter: { kind: 'go', version: null },
    needs: ['gate'],
    tools: [],
    files: {},
    steps: mains.map(({ folder, name }) => ({
      argv: ['{interpreter}', 'build', '-o', `{layer}/bin/${name}`, folder === '' ? '.' : `./${folder}`],
      env: { ...goEnv, GOMODCACHE: '{layer:gate}/mod' },
    })),
  };
  const layer: LayerRecipe = { interpreter: { kind: 'none' }, inputs: [], extras: [], installer: { tool: 'none' } };
  return { layer, gateLayer, built, notes: [] };
}

/** No settings of a user, no version control to be asked, and a build that does not know where it was made. */
const goEnv = {
  GOCACHE: '{cache}/go-build',
  GOENV: 'off',
  GOFLAGS: '-trimpath -buildvcs=false',
  GOTOOLCHAIN: 'auto',
  GOTELEMETRY: 'off',
} as const;

/** What most programs that serve are made of: built once, where build, tests and vet would each begin with it at the same time. */
const usual = ['net/http', 'html/template', 'encoding/json', 'database/sql', 'testing', 'log/slog', 'embed'];

/**
 * The steps that fill `{layer}/mod`; nothing is fetched for a module that brings its vendor folder but its toolchain. The last
 * one warms the app's build cache.
 */
export function goModSteps(modules: readonly string[]): { argv: string[]; env: Record<string, string> }[] {
  const env = { ...goEnv, GOMODCACHE: '{layer}/mod' };
  const download = modules.map((folder) => ({
    argv: ['{interpreter}', 'mod', 'download', '-C', `{inputs}/${folder}`],
    env: { ...env, GOFLAGS: '-modcacherw' },
  }));
  const first = modules[0] ?? '';
  return [...download, { argv: ['{interpreter}', 'build', '-C', `{inputs}/${first}`, ...usual], env }];
}
