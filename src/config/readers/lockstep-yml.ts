// lockstep.yml, strictly: an unknown key is an error that names its nearest neighbour, all problems come together, and
// a file made to grow (aliases, depth, size) is refused before it is expanded.

import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Limits } from '../../domain/plan.ts';
import { badConfig, checkedText, zodProblems } from './problems.ts';

/** The YAML parser's time grows with the square of what is wrong: 64 KiB of nonsense would hold up whoever reads it for seconds. */
const ymlMaxBytes = 16 * 1024;

export type LockstepYml = {
  /** name -> path within the app, normalised */
  volumes: Readonly<Record<string, string>>;
  health: { path: string | null; timeoutMs: number | null };
  release: string | null;
  web: string | null;
  /** Only what the file sets. */
  limits: Partial<Limits>;
};

/**
 * A size is a whole number and a unit: K, M or G, alone or as KB, KiB, Ki and so on. All spellings of a unit mean the same
 * power of 1024, so that nobody gets less than they read. A bare number, a fraction and small
 * letters (`512m` is a thousandth elsewhere) are refused.
 */
const sizeUnits: Record<string, number> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

function size(least: number, most: number, example: string) {
  return z.string(`must be a size like ${example}`).transform((text, context) => {
    const match = /^(\d{1,9}) ?([KMG])(?:iB?|B)?$/.exec(text);
    const bytes = match === null ? Number.NaN : Number(match[1]) * sizeUnits[match[2]!]!;
    if (bytes >= least && bytes <= most) return bytes;
    context.addIssue({
      code: 'custom',
      message: `must be a size like ${example}, from ${least / 2 ** 20}M to ${most / 2 ** 30}G`,
    });
    return z.NEVER;
  });
}

const seconds = z
  .union(
    [
      z
        .number()
        .positive()
        .max(600)
        .transform((value) => Math.max(1, Math.round(value * 1000))),
      z
        .string()
        .regex(/^[1-9]\d{0,2}s$/)
        .transform((value) => Number.parseInt(value, 10) * 1000),
    ],
    'must be a time in seconds, like 60 or 60s, at most 600',
  )
  .refine((value) => value <= 600_000, 'must be at most 600 seconds');

const line = z
  .string('must be one line of text')
  .trim()
  .min(1, 'must not be empty')
  .regex(/^[^\0\r\n]*$/, 'must be one line');
const urlPath = z
  .string('must be a path that begins with /')
  .regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that begins with /');
const volumePath = z.string('must be a path within the app').transform((text, context) => {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  const inside = !text.startsWith('/') && parts.length > 0 && !parts.includes('..') && parts[0] !== '.git';
  if (inside && text.length <= 200 && /^[\w./@+ -]+$/.test(text)) return parts.join('/');
  context.addIssue({ code: 'custom', message: 'must be a path within the app, like instance or var/data' });
  return z.NEVER;
});

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
const shape = {
  volumes: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'a volume name has small letters, digits and -'),
      volumePath,
      'must be a map of name: path',
    )
    .superRefine((volumes, context) => {
      const paths = Object.entries(volumes);
      for (const [name, path] of paths) {
        const other = paths.find(([one, at]) => one !== name && `${path}/`.startsWith(`${at}/`));
        if (other) context.addIssue({ code: 'custom', path: [name], message: `lies within volume "${other[0]}"` });
      }
    })
    .optional(),
  health: z.unknown().optional(),
  release: line.optional(),
  web: line.optional(),
  limits: z.strictObject(limitsShape, 'must be a map').optional(),
};
const plain = z.strictObject({ ...shape, health: urlPath.optional() });
const full = z.strictObject({
  ...shape,
  health: z.strictObject(healthShape, 'must be a path, or a map of path and timeout').optional(),
});

function knownAt(path: readonly PropertyKey[]): readonly string[] {
  if (path[0] === 'health') return Object.keys(healthShape);
  if (path[0] === 'limits') return Object.keys(limitsShape);
  return Object.keys(shape);
}

/** Throws `bad-config` with all problems. An empty file is an empty configuration. */
export function readLockstepYml(text: string, file = 'lockstep.yml'): LockstepYml {
  const input = parseYaml(checkedText(file, text, ymlMaxBytes), file) ?? {};
  const isPlain = typeof (input as { health?: unknown }).health === 'string';
  const parsed = isPlain ? plain.safeParse(input) : full.safeParse(input);
  if (!parsed.success) throw badConfig(file, zodProblems(parsed.error, input, knownAt));
  const { volumes = {}, health, release, web, limits = {} } = parsed.data;
  return {
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
  };
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
