// app.json, the part that means something here: `env`, `environments.test`, `healthchecks`, `formation`. It is somebody
// else's format, so unknown keys pass; what we do read must have its shape. Values are never repeated in a message.

import { z } from 'zod';
import { badConfig, checkedText, zodProblems } from './problems.ts';

export type WantedVariable = { name: string; required: boolean; value: string | null; generator: 'secret' | null };

export type AppJson = {
  env: readonly WantedVariable[];
  test: { scripts: Readonly<Record<string, string>>; env: Readonly<Record<string, string>> };
  /** null: not said */
  health: { path: string | null; timeoutMs: number | null };
  /** Wanted number of instances by process type. */
  quantities: Readonly<Record<string, number>>;
};

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'not a name of an environment variable');
const scalar = z
  .union([z.string(), z.number(), z.boolean()], 'must be text')
  .transform(String)
  .refine((value) => !value.includes('\0'), 'must not hold NUL')
  .refine((value) => value.isWellFormed(), 'must not hold half of a surrogate pair');
const variable = z.union(
  [
    scalar.transform((value) => ({ value, required: undefined, generator: undefined })),
    z.object({ value: scalar.optional(), required: z.boolean().optional(), generator: z.string().optional() }),
  ],
  'must be text, or an object with value, required (true or false), generator',
);
const variables = z.record(variableName, variable);
const healthcheck = z.object({
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'must be a path that begins with /')
    .optional(),
  timeout: z.number().positive().max(600).optional(),
});
const schema = z.object({
  env: variables.optional(),
  environments: z
    .object({
      test: z.object({ scripts: z.record(z.string(), z.string()).optional(), env: variables.optional() }).optional(),
    })
    .optional(),
  healthchecks: z.record(z.string(), z.array(healthcheck)).optional(),
  formation: z.record(z.string(), z.object({ quantity: z.int().min(0).max(100).optional() })).optional(),
});

/** The schema would drop this key in silence; a variable of that name is refused aloud. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('the key "__proto__" is not taken');
  return value;
}

/** Throws `bad-config` with all problems. */
export function readAppJson(text: string, file = 'app.json'): AppJson {
  let input: unknown;
  try {
    input = JSON.parse(checkedText(file, text), refuseProto);
  } catch (error) {
    if (error instanceof SyntaxError) throw badConfig(file, [`it is not JSON: ${error.message.slice(0, 120)}`]);
    throw error;
  }
  const parsed = schema.safeParse(input);
  if (!parsed.success)
    throw badConfig(
      file,
      zodProblems(parsed.error, input, () => [], true),
    );
  const { env = {}, environments, healthchecks = {}, formation = {} } = parsed.data;
  const test = environments?.test;
  const check = healthchecks.web?.find((one) => one.path !== undefined);
  return {
    env: Object.entries(env).map(([name, one]) => ({
      name,
      required: one.required ?? one.value === undefined,
      value: one.value ?? null,
      generator: one.generator === 'secret' ? 'secret' : null,
    })),
    test: {
      scripts: test?.scripts ?? {},
      env: Object.fromEntries(
        Object.entries(test?.env ?? {}).flatMap(([name, one]) => (one.value === undefined ? [] : [[name, one.value]])),
      ),
    },
    health: {
      path: check?.path ?? null,
      timeoutMs: check?.timeout === undefined ? null : Math.max(1, Math.round(check.timeout * 1000)),
    },
    quantities: Object.fromEntries(
      Object.entries(formation).flatMap(([name, one]) => (one.quantity === undefined ? [] : [[name, one.quantity]])),
    ),
  };
}
