// How the doctor's findings are shown.
import { z } from '@hono/zod-openapi';
import { type DoctorReport, type Problem, type ProblemCode, problemRegistry } from '../../domain/doctor.ts';
import { engineStates } from '../../domain/engine.ts';

const codes = Object.keys(problemRegistry) as [ProblemCode, ...ProblemCode[]];

export const problemView = z
  .object({
    code: z.enum(codes),
    app: z.string().nullable().openapi({ description: 'null: of no app that there is' }),
    what: z.string(),
    advice: z.string(),
    isFixable: z.boolean().openapi({ description: 'There is one right answer, and a repair brings it about' }),
  })
  .openapi('DoctorProblem');

export const reportView = z
  .object({
    problems: z.array(problemView),
    checked: z.array(z.object({ what: z.string(), count: z.int() })),
    notes: z.array(z.string()),
    machine: z.object({
      version: z.string(),
      agent: z.string().nullable(),
      git: z.string().nullable(),
      node: z.string(),
      interpreters: z.array(z.string()),
      tools: z.array(z.string()),
      enforcement: z.record(z.string(), z.unknown()),
      disk: z.object({ freeBytes: z.number(), totalBytes: z.number() }).nullable(),
      engine: z
        .object({ state: z.enum(engineStates), what: z.string(), advice: z.string().nullable() })
        .nullable()
        .openapi({ description: 'The container engine, as one look finds it; null: the agent does not say' }),
    }),
    durationMs: z.number(),
  })
  .openapi('DoctorReport');

export const repairView = z
  .object({
    fixed: z.array(z.object({ code: z.enum(codes), app: z.string().nullable(), what: z.string() })),
    report: reportView.openapi({ description: 'What is left afterwards' }),
  })
  .openapi('DoctorRepair');

export function presentProblem({ code, app, what, advice, isFixable }: Problem): z.infer<typeof problemView> {
  return { code, app, what, advice, isFixable };
}

export function presentReport(report: DoctorReport): z.infer<typeof reportView> {
  const { version, agent, git, node, interpreters, tools, enforcement, disk, engine } = report.machine;
  return {
    problems: report.problems.map(presentProblem),
    checked: report.checked.map(({ what, count }) => ({ what, count })),
    notes: [...report.notes],
    machine: {
      ...{ version, agent, git, node, interpreters: [...interpreters], tools: [...tools], enforcement },
      disk: disk && { freeBytes: disk.freeBytes, totalBytes: disk.totalBytes },
      engine: engine && { state: engine.state, what: engine.what, advice: engine.advice },
    },
    durationMs: report.durationMs,
  };
}
