// The section `gate:` of lockstep.yml: its shape, with a description of every key, and what it says over the defaults.
import { z } from 'zod';
import {
  type BuiltInCheck,
  builtInChecks,
  type CheckCommand,
  defaultCheckTimeoutMs,
  defaultGate,
  type GateSettings,
} from '../../domain/gate-settings.ts';
import { nearestKey } from './problems.ts';
import { duration, line, pathWithin, percent, points, urlPath } from './yml-shapes.ts';

/** No more checks of its own has a repository. */
const mostChecks = 20;
/** Names that the gate gives to what is no command. */
const reserved = ['policy', 'build', 'boot', 'release', 'gate'];
const isBuiltIn = (name: string): name is BuiltInCheck => (builtInChecks as readonly string[]).includes(name);

const reportFile = pathWithin('the app', 'reports/junit.xml');
const reports = z
  .strictObject(
    {
      junit: reportFile.optional().describe('JUnit XML: each failed test is a finding'),
      lcov: reportFile.optional().describe('LCOV: line coverage'),
      sarif: reportFile.optional().describe('SARIF 2.1.0: findings of any tool'),
      cobertura: reportFile.optional().describe('Cobertura XML: line coverage'),
      docs: pathWithin('the app', 'docs/_build/html')
        .optional()
        .describe('A folder with an index.html, published as documentation once the change lands'),
    },
    'must be a map of junit, lcov, sarif, cobertura or docs to a file',
  )
  .describe('Files that the command writes, seen from the top of the repository');

const command = z.strictObject({
  run: line.describe(
    'One line of shell: exit 0 passes, 75 is an infrastructure failure that is tried again, all else fails',
  ),
  needs: z
    .literal('release', 'can only be release')
    .optional()
    .describe('Run against the candidate, started beside the checks; its address is in $GATE_URL'),
  report: reports.optional(),
  timeout: duration(1000, 60 * 60_000, '5m')
    .optional()
    .describe('The command is ended after it (15m)'),
  network: z
    .enum(['all', 'none'], 'must be all or none')
    .optional()
    .describe('none: no address but the loopback of its own can be reached, where the machine allows it'),
  in: z
    .enum(['image', 'server'], 'must be image or server')
    .optional()
    .describe(
      'Of an app that is an image: in that and nowhere else, or on the server (in the image, and on the server where that lacks a program of it)',
    ),
});

const shape = {
  history: z
    .enum(['auto', 'merge', 'squash'], 'must be auto, merge or squash')
    .optional()
    .describe('How a branch lands: auto fast-forwards a branch of one commit and merges others'),
  batch: z
    .strictObject(
      {
        min: z.int('must be a whole number').min(1).max(16).optional().describe('Changes that are waited for (1)'),
        max: z
          .int('must be a whole number')
          .min(1)
          .max(16)
          .optional()
          .describe('Changes tried together under backlog (4)'),
      },
      'must be a map of min and max',
    )
    .refine(({ min = 1, max = Math.max(min, 4) }) => min <= max, 'min must not be more than max')
    .optional(),
  timeout: duration(10_000, 2 * 60 * 60_000, '15m')
    .optional()
    .describe('Of the whole gate (15m)'),
  prestart: z
    .enum(['auto', 'eager', 'late', 'off'], 'must be auto, eager, late or off')
    .optional()
    .describe('When the new release starts: beside the checks (eager), after them (late), or when main moves (off)'),
  style: z
    .strictObject(
      {
        new: z
          .int('must be a whole number')
          .min(0)
          .max(10_000)
          .optional()
          .describe('Findings let through on changed lines (0)'),
      },
      'must be a map of new',
    )
    .optional(),
  coverage: z
    .strictObject(
      {
        patch: percent.optional().describe('Of the changed executable lines, so many are run by a test (80%)'),
        patch_floor: z
          .int('must be a whole number')
          .min(1, 'must be at least 1')
          .max(10_000)
          .optional()
          .describe('Fewer changed executable lines are not weighed (20)'),
        slack: points.optional().describe('By so much the whole may fall against main (0.5pp)'),
        min: percent.optional().describe('An absolute floor of the whole (none)'),
      },
      'must be a map of patch, patch_floor, slack and min',
    )
    .optional(),
  docstrings: z
    .strictObject(
      { new: percent.optional().describe('Of the new public definitions, so many say what they are (100%)') },
      'must be a map of new',
    )
    .optional(),
  docs: z
    .strictObject(
      {
        warnings: z.enum(['error', 'allow'], 'must be error or allow').optional().describe('What a warning is (error)'),
        publish: z
          .union([z.literal('off'), z.literal(false), urlPath], 'must be off, or a path that begins with /')
          .optional()
          .describe('Where on the docs host the docs stand (/); off: nowhere'),
      },
      'must be a map of warnings and publish',
    )
    .optional(),
  dockerfile: z
    .strictObject(
      {
        clones_itself: z
          .enum(['error', 'allow'], 'must be error or allow')
          .optional()
          .describe('What a step is that fetches the app’s own repository (allow: it is told)'),
      },
      'must be a map of clones_itself',
    )
    .optional(),
  checks: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'a check is named by small letters, digits and -'),
      z.union([z.literal('auto'), z.literal('off'), z.literal(false), line, command], commandWanted()),
      'must be a map of names to commands',
    )
    .superRefine(checkNames)
    .optional()
    .describe(
      `${builtInChecks.join(', ')}: auto, off, or a command in their place; any other name is a check of your own`,
    ),
};

export const gateShape = z.strictObject(shape, 'must be a map').describe('What main is held to');
export type GateYml = z.output<typeof gateShape>;

function commandWanted(): string {
  return 'must be auto, off, a command, or a map of run, needs, report, timeout, network and in';
}

function checkNames(checks: Record<string, unknown>, context: z.RefinementCtx): void {
  const names = Object.keys(checks);
  if (names.length > mostChecks + builtInChecks.length)
    context.addIssue({ code: 'custom', message: `at most ${mostChecks} checks of your own` });
  for (const name of names) {
    const value = checks[name];
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: [name], message });
    if (reserved.includes(name)) refuse('is a name of the gate itself; choose another');
    else if (!isBuiltIn(name) && (value === 'auto' || value === 'off' || value === false)) {
      const near = nearestKey(name, builtInChecks);
      refuse(
        `is no check that Lockstep has, so it needs a command; ${near ? `did you mean "${near}"?` : `it has: ${builtInChecks.join(', ')}`}`,
      );
    } else if (typeof value === 'object' && value !== null && 'needs' in value) {
      const said = value as { needs?: string; network?: string; in?: string };
      if (said.needs !== 'release') continue;
      if (said.network === 'none') refuse('needs: release and network: none exclude each other');
      if (said.in === 'image') refuse('needs: release and in: image exclude each other: it asks the app from outside');
    }
  }
}

/** @param file where it stands, for people */
export function gateSettings(yml: GateYml | undefined, file: string): GateSettings {
  if (yml === undefined) return defaultGate;
  const { rules, batch } = defaultGate;
  const { style, coverage, docstrings, docs, dockerfile, checks = {} } = yml;
  const said = Object.entries(checks).filter(([, value]) => value !== 'auto');
  const min = yml.batch?.min ?? batch.min;
  return {
    history: yml.history ?? defaultGate.history,
    batch: { min, max: yml.batch?.max ?? Math.max(min, batch.max) },
    timeoutMs: yml.timeout ?? defaultGate.timeoutMs,
    prestart: yml.prestart ?? defaultGate.prestart,
    rules: {
      ...rules,
      style: { new: style?.new ?? rules.style.new },
      coverage: {
        patch: coverage?.patch ?? rules.coverage.patch,
        patchFloor: coverage?.patch_floor ?? rules.coverage.patchFloor,
        slackPoints: coverage?.slack ?? rules.coverage.slackPoints,
        min: coverage?.min ?? rules.coverage.min,
      },
      docstrings: { new: docstrings?.new ?? rules.docstrings.new },
      docs: { warnings: docs?.warnings ?? rules.docs.warnings },
      dockerfile: { clonesItself: dockerfile?.clones_itself ?? rules.dockerfile.clonesItself },
    },
    docsPublish: docs?.publish === 'off' || docs?.publish === false ? null : (docs?.publish ?? defaultGate.docsPublish),
    builtIn: Object.fromEntries(
      said.filter(([name]) => isBuiltIn(name)).map(([name, value]) => [name, builtInOf(name, value, file)]),
    ),
    custom: Object.fromEntries(
      said.filter(([name]) => !isBuiltIn(name)).map(([name, value]) => [name, commandOf(name, value, file)]),
    ),
  };
}

export function autoChecks(yml: GateYml | undefined): BuiltInCheck[] {
  return builtInChecks.filter((name) => yml?.checks?.[name] === 'auto');
}

type CheckYml = NonNullable<GateYml['checks']>[string];

function builtInOf(name: string, value: CheckYml, file: string): 'off' | CheckCommand {
  return value === 'off' || value === false ? 'off' : commandOf(name, value, file);
}

function commandOf(name: string, value: CheckYml, file: string): CheckCommand {
  const said = typeof value === 'object' ? value : { run: String(value) };
  const { docs, ...files } = said.report ?? {};
  return {
    run: said.run,
    needsRelease: said.needs === 'release',
    reports: Object.fromEntries(Object.entries(files).filter(([, path]) => path !== undefined)),
    ...(docs === undefined ? {} : { docs }),
    timeoutMs: said.timeout ?? defaultCheckTimeoutMs,
    network: said.network ?? 'all',
    ...(said.in === undefined ? {} : { in: said.in }),
    from: `${file}: gate.checks.${name}`,
  };
}
