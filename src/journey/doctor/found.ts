// What a look of the doctor finds: the problem that people read, and what its repair needs.
import type { App } from '../../domain/app.ts';
import { type Problem, type ProblemCode, problem } from '../../domain/doctor.ts';
import type { AppId } from '../../domain/ids.ts';
import type { LeftOver } from '../../domain/survey.ts';

/** `leftOver`, `orphan`: what a repair removes. */
export type Found = { problem: Problem; app: App | null; leftOver?: LeftOver; orphan?: AppId };

/** `app` null: it belongs to none. */
export const found = (code: ProblemCode, app: App | null, what: string, more: Partial<Found> = {}): Found => ({
  problem: problem(code, app?.name ?? null, what),
  app,
  ...more,
});
