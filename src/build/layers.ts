// What a language says of its dependencies: one recipe to serve with, and one for the checks where they need more.
import type { LayerRecipe } from '../domain/plan.ts';

export type Layers = { layer: LayerRecipe; gateLayer: LayerRecipe | null; notes: string[] };

/** Of what needs nothing installed. */
export const withoutLayer: Layers = {
  layer: { interpreter: { kind: 'none' }, inputs: [], extras: [], installer: { tool: 'none' } },
  gateLayer: null,
  notes: [],
};
