// How reports and quality are shown.
import { z } from '@hono/zod-openapi';
import type { FlakyTest } from '../../domain/gate-run.ts';
import type { Quality } from '../../domain/quality.ts';
import { iso, moment } from '../fields.ts';

export const reportsView = z
  .object({
    items: z.array(
      z.object({
        path: z.string().openapi({ description: 'Below the address of this list; a folder ends with "/"' }),
        bytes: z.int().nullable().openapi({ description: 'null: it is made when it is asked for' }),
      }),
    ),
  })
  .openapi('Reports');

const share = z.number().nullable().openapi({ description: '0 to 1; null: not measured' });

export const qualityView = z
  .object({
    items: z.array(
      z.object({
        version: z.int(),
        commit: z.string(),
        changes: z.array(z.int()).openapi({
          description:
            'Numbers of the changes that it became of; several landed together as one commit, and were measured once',
        }),
        landedAt: moment,
        coverage: share,
        docstrings: share,
        findings: z.int().nullable().openapi({ description: 'Known on main; null: not looked for' }),
        tests: z.int().nullable(),
        testsFailed: z.int(),
        testsSkipped: z.int(),
        flaky: z.int(),
        gateMs: z.int().nullable(),
      }),
    ),
    flakyTests: z
      .array(
        z.object({
          check: z.string(),
          test: z.string(),
          times: z
            .int()
            .openapi({ description: 'In so many of the newest gates it failed, and passed when it ran again' }),
          gates: z.int().openapi({ description: 'So many of the newest gates were looked at' }),
          lastAt: moment,
        }),
      )
      .openapi({ description: 'Three times or more in the last 20 gates, most often first' }),
  })
  .openapi('Quality');

export function presentFlaky({ check, test, times, gates, lastAtMs }: FlakyTest) {
  return { check, test, times, gates, lastAt: iso(lastAtMs) };
}

export function presentQuality({ version, commit, changes, landedAtMs, figures }: Quality) {
  return {
    version,
    commit,
    changes: [...changes],
    landedAt: iso(landedAtMs),
    coverage: figures.coverage,
    docstrings: figures.docstrings,
    findings: figures.findings,
    tests: figures.tests,
    testsFailed: figures.testsFailed,
    testsSkipped: figures.testsSkipped,
    flaky: figures.flaky,
    gateMs: figures.gateMs,
  };
}

export const badgeSettingView = z.object({ isPublic: z.boolean() }).openapi('BadgeSetting');
