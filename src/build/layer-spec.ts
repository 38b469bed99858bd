// The layer that a recipe and a tree make: its key, the files it is made from, and its steps. Of each file only what decides what is installed
// goes in, so that a change of anything else finds the layer that is there.
import { installingPart } from '../config/readers/package-json.ts';
import { withoutLocal } from '../config/readers/requirements.ts';
import type { AppRef } from '../domain/agent.ts';
import { fail } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { LayerSpec } from '../domain/layer.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import type { GitTree } from './git-tree.ts';
import { chooseInterpreter } from './interpreters.ts';
import { type LayerPurpose, layerKey } from './layer-key.ts';
import { layerSteps, layerTools } from './layer-steps.ts';

const stepDeadlineMs = 15 * 60_000;
const inputBytes = 16 * 1024 * 1024;

/** Of a package.json only what decides what is installed. */
const installed = (path: string, content: Buffer): Buffer =>
  /(?:^|\/)package\.json$/.test(path) ? Buffer.from(installingPart(content.toString('utf8'), path)) : content;

/** The tree itself is not installed, it runs from where it is. */
const required = (path: string, content: Buffer): Buffer =>
  /\.(?:txt|in)$/.test(path) ? Buffer.from(withoutLocal(content.toString('utf8'))) : content;

/** The checks' layer. What serves may need no interpreter where its checks do. */
export function gateSpec(
  app: AppRef,
  tree: GitTree,
  plan: Plan,
  recipe: LayerRecipe,
  hello: AgentHello,
  serving: string | null,
  notes: string[],
  run: Pick<LayerSpec, 'key'> | null,
): Promise<LayerSpec | null> {
  const isSame = recipe.interpreter.kind === plan.layer.interpreter.kind;
  const interpreter = isSame ? serving : chooseInterpreter(recipe.interpreter, hello, notes);
  return layerSpec(app, tree, recipe, 'gate', interpreter, run?.key ?? null);
}

/** null: nothing is installed. @throws bad-config when a file that it is made from is not there as a plain file */
export async function layerSpec(
  app: AppRef,
  tree: Pick<GitTree, 'view'>,
  recipe: LayerRecipe,
  purpose: LayerPurpose,
  interpreterId: string | null,
  runKey: string | null,
): Promise<LayerSpec | null> {
  if (recipe.interpreter.kind === 'none' || interpreterId === null) return null;
  const inputs = new Map<string, Buffer>();
  for (const path of recipe.inputs) {
    const content = await tree.view.read(path, inputBytes);
    if (content === null) {
      throw fail('bad-config', `${path}: missing, a link, or larger than ${inputBytes} bytes`, {
        advice: `Commit ${path} as a plain file.`,
      });
    }
    inputs.set(path, recipe.installer.tool === 'node' ? installed(path, content) : required(path, content));
  }
  const tools = runKey === null ? {} : { run: runKey };
  const steps = layerSteps(recipe, purpose, runKey);
  return {
    key: layerKey({ recipe, purpose, inputs, interpreter: interpreterId, tools }),
    appId: app.id,
    liveUid: app.liveUid,
    gateUid: app.gateUid,
    gid: app.gid,
    interpreterId,
    tools: layerTools(recipe),
    files: Object.fromEntries([...inputs].map(([path, content]) => [path, content.toString('base64')])),
    steps: steps.map((step) => ({ ...step, deadlineMs: stepDeadlineMs })),
  };
}
