// The layers of a repository's parts that the app's own gate layer is not for: a backend in a folder is tested with what that
// folder requires. What cannot be decided for a part is a note: its checks then run without a layer, and say what they miss.
import { fail, isFailure } from '../domain/errors.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import type { Layers } from './layers.ts';
import { nodeLayers } from './node-layers.ts';
import { pythonLayers } from './python-layers.ts';
import type { TreeView } from './tree-view.ts';

/** A folder of the tree ('' the top, else with its last slash) that holds a project of a language. */
export type PartOfTree = { language: string; root: string };

export const partId = ({ language, root }: PartOfTree): string => `${language}:${root}`;

/** More are checked without layers of their own. */
const mostPartLayers = 5;

/** What checks of a part need, by its language. A new language is one more line. */
const recipes: Readonly<Record<string, (view: TreeView) => Promise<Layers>>> = {
  // Nothing is served from it here: no server is added.
  node: nodeLayers,
  python: (view) => pythonLayers(view, { server: 'script', argv: [] }),
};

/** Whether the app's own gate layer is that of the part. */
const isOwnGate = (plan: Plan, { language, root }: PartOfTree): boolean =>
  root === '' && plan.gateLayer?.interpreter.kind === language;

export type PartRecipe = { part: PartOfTree; view: TreeView; recipe: LayerRecipe };

export async function partRecipes(
  plan: Plan,
  view: TreeView,
  parts: readonly PartOfTree[],
  notes: string[],
): Promise<PartRecipe[]> {
  const others = parts.filter((part) => recipes[part.language] !== undefined && !isOwnGate(plan, part));
  if (others.length > mostPartLayers)
    notes.push(`${others.length} parts have requirements of their own; the checks of ${mostPartLayers} get them`);
  const found: PartRecipe[] = [];
  for (const part of others.slice(0, mostPartLayers)) {
    const inside = viewOf(view, part.root);
    try {
      const { gateLayer } = await recipes[part.language]!(inside);
      if (gateLayer !== null) found.push({ part, view: inside, recipe: gateLayer });
    } catch (error) {
      if (!isFailure(error)) throw error;
      notes.push(`${part.root}: ${error.message}; its checks run without what it requires`);
    }
  }
  return found;
}

/** A folder of the tree as if it were the whole. */
export function viewOf(view: TreeView, root: string): TreeView {
  if (root === '') return view;
  if (!root.endsWith('/')) throw fail('internal', `${root} is no folder`);
  return {
    list: () =>
      view
        .list()
        .filter(({ path }) => path.startsWith(root))
        .map((file) => ({ ...file, path: file.path.slice(root.length) })),
    read: (path, maxBytes) => view.read(`${root}${path}`, maxBytes),
  };
}
