// What a language says of its dependencies: one recipe to serve with, and one for the checks where they need more.
import type { BuiltRecipe, LayerRecipe } from '../domain/plan.ts';

export type Layers = {
  layer: LayerRecipe;
  gateLayer: LayerRecipe | null;
  /** How the tree is built before it is served; left out: it serves as it is. */
  built?: BuiltRecipe | null;
  notes: string[];
};

/** Of what needs nothing installed. */
export const withoutLayer: Layers = {
  layer: { interpreter: { kind: 'none' }, inputs: [], extras: [], installer: { tool: 'none' } },
  gateLayer: null,
  notes: [],
};
