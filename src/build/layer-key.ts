// The name of a layer: a hash over everything that goes into it. Same key, same layer.
import { createHash } from 'node:crypto';
import type { LayerRecipe } from '../domain/plan.ts';

/** `versions`: as `run`, to bind those of the gate's, and never run. */
export type LayerPurpose = 'run' | 'gate' | 'versions';

/** `purpose` matters, since uv.lock alone serves both. `interpreter` is the id of the real one; `tools` name -> version. */
export function layerKey(given: {
  recipe: LayerRecipe;
  purpose: LayerPurpose;
  inputs: ReadonlyMap<string, Buffer>;
  interpreter: string;
  tools: Readonly<Record<string, string>>;
}): string {
  const inputs = [...given.inputs]
    .map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')])
    .sort();
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  const text = JSON.stringify(
    {
      form: 1,
      recipe: given.recipe,
      purpose: given.purpose,
      inputs,
      interpreter: given.interpreter,
      tools: given.tools,
    },
    sorted,
  );
  return createHash('sha256').update(text).digest('hex');
}
