// How the pages of an MkDocs site are made: by the MkDocs, theme and plugins that its requirements name, else by MkDocs as Lockstep pins
// it. Nothing of it serves: the pages are files. What it warns of is the business of the check `docs`, not of the build.
import type { LayerRecipe } from '../domain/plan.ts';
import { type Layers, withoutLayer } from './layers.ts';
import { pythonLayers } from './python-layers.ts';
import { readSource, type TreeView } from './tree-view.ts';

/** As the checks have it (`agent/toolchains/pins.ts`; a test holds them together). */
export const mkdocsVersion = '1.6.1';

/** Where the pages are, in the built tree. */
export const madeSite = 'site';
export const makeSite = ['-m', 'mkdocs', 'build', '--quiet', '--clean', '--site-dir'] as const;

/** Of what is added for tests nothing is needed: there are none. */
const isForTests = (extra: string): boolean => /^(?:pytest|coverage)==/.test(extra);

export async function mkdocsLayers(view: TreeView): Promise<Layers> {
  const { gateLayer, notes } = await pythonLayers(view, { server: 'script', argv: [] });
  const { inputs, extras } = gateLayer!;
  const named = [...(await Promise.all(inputs.map((path) => readSource(view, path)))), ...extras].join('\n');
  // A theme or a plugin of it brings it along.
  const missing = /(?:^|["'\s])mkdocs\b/im.test(named) ? [] : [`mkdocs==${mkdocsVersion}`];
  const making: LayerRecipe = { ...gateLayer!, extras: [...extras.filter((one) => !isForTests(one)), ...missing] };
  return {
    layer: withoutLayer.layer,
    gateLayer: making,
    built: {
      interpreter: { kind: 'none' },
      needs: ['gate'],
      tools: [],
      files: {},
      steps: [{ argv: ['{layer:gate}/bin/python', ...makeSite, `{layer}/${madeSite}`], env: {} }],
    },
    notes,
  };
}
