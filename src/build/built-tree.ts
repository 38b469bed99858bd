// A tree that must be built before it is served, as the spec of a layer: a copy of it, in which the recipe's steps run. Its
// name is over the tree, the steps, and the layers and the interpreter that they stand on.
import { createHash } from 'node:crypto';
import type { AppRef } from '../domain/agent.ts';
import { fail } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { TreeId } from '../domain/ids.ts';
import type { LayerSpec } from '../domain/layer.ts';
import type { BuiltRecipe, Plan } from '../domain/plan.ts';
import { chooseInterpreter } from './interpreters.ts';

const stepDeadlineMs = 15 * 60_000;

/** @throws no-interpreter, internal for a recipe that needs a layer which the plan does not have */
export function builtSpec(given: {
  app: AppRef;
  treeId: TreeId;
  plan: Pick<Plan, 'volumes'>;
  recipe: BuiltRecipe;
  hello: AgentHello;
  notes: string[];
  keys: Readonly<Record<'run' | 'gate', string | null>>;
}): LayerSpec {
  const { app, treeId, plan, recipe, hello, keys } = given;
  const interpreterId = chooseInterpreter(recipe.interpreter, hello, given.notes);
  const needs = recipe.needs.map((purpose) => {
    const key = keys[purpose];
    if (key === null) throw fail('internal', `The recipe stands on a ${purpose} layer, and there is none.`);
    return key;
  });
  const named = (text: string): string =>
    text.replace(/\{layer:(run|gate)\}/g, (_, purpose: 'run' | 'gate') => `{layer:${keys[purpose]}}`);
  const steps = recipe.steps.map(({ argv, env }) => ({
    argv: argv.map(named),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, named(value)])),
    deadlineMs: stepDeadlineMs,
  }));
  const { tools, files } = recipe;
  const from = { treeId, volumes: plan.volumes };
  const body = JSON.stringify({ form: 1, from, interpreterId, needs, tools, files, steps });
  return {
    key: createHash('sha256').update(body).digest('hex'),
    appId: app.id,
    liveUid: app.liveUid,
    gateUid: app.gateUid,
    gid: app.gid,
    interpreterId,
    tools,
    files: Object.fromEntries(
      Object.entries(files).map(([name, text]) => [name, Buffer.from(text).toString('base64')]),
    ),
    steps,
    from,
    needs,
  };
}
