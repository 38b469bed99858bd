// lockstep.yml, strictly: an unknown key is an error that names its nearest neighbour, all problems come together, and
// a file made to grow (aliases, depth, size) is refused before it is expanded.

import { parseDocument } from 'yaml';
import { z } from 'zod';
import { isArgumentName, isReservedArgument, parseBuildSecretName } from '../../domain/build-inputs.ts';
import { isFailure } from '../../domain/errors.ts';
import type { BuiltInCheck, GateSettings } from '../../domain/gate-settings.ts';
import { imageText, parseImageReference } from '../../domain/image-reference.ts';
import type { Limits } from '../../domain/plan.ts';
import { autoChecks, gateSettings, gateShape } from './gate-yml.ts';
import { badConfig, checkedText, zodProblems } from './problems.ts';
import { keysAt, line, pathWithin, seconds, size, urlPath } from './yml-shapes.ts';

/** The YAML parser's time grows with the square of what is wrong: 64 KiB of nonsense would hold up whoever reads it for seconds. */
const ymlMaxBytes = 16 * 1024;

export const runtimes = ['process', 'docker'] as const;

export type LockstepYml = {
  /** How it runs; null: as a container where it has a Dockerfile and the machine an engine. */
  runtime: (typeof runtimes)[number] | null;
  /** The image of a registry that is the app, by its digest; null: it is built, or there is none. */
  image: string | null;
  /** name -> path within the app, normalised */
  volumes: Readonly<Record<string, string>>;
  health: { path: string | null; timeoutMs: number | null };
  release: string | null;
  web: string | null;
  /** Only what the file sets. */
  limits: Partial<Limits>;
  gate: GateSettings;
  /** What the build of its own Dockerfile gets: values of its ARGs, and names of the secrets that it mounts. */
  build: { args: Readonly<Record<string, string>>; secrets: readonly string[] };
  /** Checks of which the file says that Lockstep's own are to run, whatever other files have for them. */
  saidAuto: readonly BuiltInCheck[];
};

const healthShape = { path: urlPath.optional(), timeout: seconds.optional() };
const limitsShape = {
  memory: size(16 * 2 ** 20, 1024 * 2 ** 30, '512M').optional(),
  cpu: z
    .number('must be a number of cores, like 0.5 or 2')
    .min(0.05, 'must be at least 0.05')
    .max(256, 'must be at most 256')
    .optional(),
  pids: z.int('must be a whole number').min(8, 'must be at least 8').max(32768, 'must be at most 32768').optional(),
  disk: size(16 * 2 ** 20, 64 * 1024 * 2 ** 30, '1G').optional(),
};
const buildShape = {
  args: z
    .record(
      z.string(),
      z
        .union(
          [z.string(), z.number(), z.boolean()],
          'must be a text, a number, true or false (a secret is named under build.secrets)',
        )
        .transform(String)
        .refine((text) => text.length <= 4096 && !/[\0\r\n]/.test(text), 'must be one line of at most 4096 characters'),
      'must be a map of NAME: value',
    )
    .superRefine((args, context) => {
      if (Object.keys(args).length > 50) context.addIssue({ code: 'custom', message: 'has more than 50 arguments' });
      for (const name of Object.keys(args)) {
        const why = !isArgumentName(name)
          ? 'is not the name of an ARG'
          : isReservedArgument(name)
            ? 'is the builder’s own, or set by who runs the server'
            : null;
        if (why !== null) context.addIssue({ code: 'custom', path: [name], message: why });
      }
    })
    .optional()
    .describe('NAME: value of an ARG of the Dockerfile; everybody who has the image can read it'),
  secrets: z
    .array(z.string().transform(secretName), 'must be a list of names')
    .max(20, 'has more than 20 names')
    .refine((names) => new Set(names).size === names.length, 'names one twice')
    .optional()
    .describe('Ids of RUN --mount=type=secret in the Dockerfile; values: lockstep config set --build'),
};
const shape = {
  runtime: z
    .enum(runtimes, 'must be process or docker')
    .optional()
    .describe(
      'docker: in a container, whose image is built from the Dockerfile or from one that Lockstep writes; process: without one',
    ),
  image: z
    .string('must be the name of an image')
    .transform(pinnedImage)
    .optional()
    .describe('The image of a registry that is the app, with its digest; `lockstep deploy --image` writes it'),
  volumes: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'a volume name has small letters, digits and -'),
      pathWithin('the app', 'instance or var/data'),
      'must be a map of name: path',
    )
    .superRefine((volumes, context) => {
      const paths = Object.entries(volumes);
      for (const [name, path] of paths) {
        const other = paths.find(([one, at]) => one !== name && `${path}/`.startsWith(`${at}/`));
        if (other) context.addIssue({ code: 'custom', path: [name], message: `lies within volume "${other[0]}"` });
      }
    })
    .optional()
    .describe('name: path within the app that is kept from release to release'),
  health: z.unknown().optional(),
  release: line.optional().describe('A command that runs once before the new release starts, such as a migration'),
  web: line.optional().describe('The command that serves; $PORT says where'),
  limits: z.strictObject(limitsShape, 'must be a map').optional().describe('What an instance may use'),
  build: z
    .strictObject(buildShape, 'must be a map of args and secrets')
    .optional()
    .describe('What the build of the Dockerfile gets'),
  gate: gateShape.optional(),
};
const plain = z.strictObject({ ...shape, health: urlPath.optional() });
const full = z.strictObject({
  ...shape,
  health: z.strictObject(healthShape, 'must be a path, or a map of path and timeout').optional(),
});

/** The whole file, in either form of `health`: what editors are told. */
export const lockstepYmlShape = z.strictObject({
  ...shape,
  health: z
    .union([urlPath, z.strictObject(healthShape)])
    .optional()
    .describe('The path that answers when the app is well, and how long its start may take'),
});
const knownAt = (path: readonly PropertyKey[]): readonly string[] => keysAt(full, path);

/** Throws `bad-config` with all problems. An empty file is an empty configuration. */
export function readLockstepYml(text: string, file = 'lockstep.yml'): LockstepYml {
  const input = parseYaml(checkedText(file, text, ymlMaxBytes), file) ?? {};
  const isPlain = typeof (input as { health?: unknown }).health === 'string';
  const parsed = isPlain ? plain.safeParse(input) : full.safeParse(input);
  if (!parsed.success) throw badConfig(file, zodProblems(parsed.error, input, knownAt));
  const {
    runtime = null,
    image = null,
    volumes = {},
    health,
    release,
    web,
    limits = {},
    build = {},
    gate,
  } = parsed.data;
  return {
    runtime,
    image,
    volumes,
    health:
      typeof health === 'string'
        ? { path: health, timeoutMs: null }
        : { path: health?.path ?? null, timeoutMs: health?.timeout ?? null },
    release: release ?? null,
    web: web ?? null,
    limits: {
      ...(limits.memory === undefined ? {} : { memoryBytes: limits.memory }),
      ...(limits.cpu === undefined ? {} : { cpus: limits.cpu }),
      ...(limits.pids === undefined ? {} : { pids: limits.pids }),
      ...(limits.disk === undefined ? {} : { diskBytes: limits.disk }),
    },
    build: { args: build.args ?? {}, secrets: build.secrets ?? [] },
    gate: gateSettings(gate, file),
    saidAuto: autoChecks(gate),
  };
}

/** In its normal form. Without its digest the same tree would be another app tomorrow. */
function pinnedImage(text: string, context: z.core.$RefinementCtx): string {
  try {
    const image = parseImageReference(text);
    if (image.digest !== null) return imageText(image);
    context.addIssue({
      code: 'custom',
      message: 'names no digest (…@sha256:…): lockstep deploy --image finds it and writes it here',
    });
  } catch (error) {
    if (!isFailure(error, 'bad-image')) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
  return z.NEVER;
}

function secretName(text: string, context: z.core.$RefinementCtx): string {
  try {
    return parseBuildSecretName(text);
  } catch (error) {
    if (!isFailure(error, 'bad-env')) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

function parseYaml(text: string, file: string): unknown {
  try {
    const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, logLevel: 'silent' });
    const wrong = [...document.errors, ...document.warnings];
    if (wrong.length > 0)
      throw badConfig(
        file,
        wrong.map((one) => one.message.split('\n')[0]!.slice(0, 200)),
      );
    return document.toJS({ maxAliasCount: 10 });
  } catch (error) {
    if (error instanceof RangeError || error instanceof ReferenceError) {
      throw badConfig(
        file,
        ['it has too many aliases or is nested too deeply'],
        'Write the values out, without anchors.',
      );
    }
    throw error;
  }
}
