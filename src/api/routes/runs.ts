// Runs: a command with the live release's code, config, volumes and identity.
import { z } from '@hono/zod-openapi';
import type { JobEvent } from '../../domain/job.ts';
import { nothing, type StreamEvent } from '../answer.ts';
import { idInPath, idParam, noQuery } from '../fields.ts';
import { route } from '../route.ts';
import { jobEvent, jobResultView, lineView } from '../views/work.ts';

const wordLimit = 256;
/** One word may be as long as one argument of execve(2). */
const wordCharacters = 120 * 1024;

const runView = z.object({ id: z.string(), output: z.string() }).openapi('Run');

const word = z
  .string()
  .max(wordCharacters)
  .refine((text) => !text.includes('\0'), 'holds a NUL character, which no program can be given');

export const commandWords = z
  .array(word)
  .min(1)
  .max(wordLimit)
  .refine((words) => words[0] !== '', 'starts with an empty word')
  .openapi({ description: 'The command as words; no shell reads them', example: ['flask', 'db', 'upgrade'] });

export const runRoutes = [
  route({
    id: 'run',
    method: 'post',
    path: '/api/v1/apps/{app}/runs',
    summary: 'Runs a command beside the live release',
    right: ['deploy', 'config'],
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({ argv: commandWords }),
    answers: { 202: { description: 'It has begun; follow its output', schema: runView } },
    errors: ['no-release', 'agent-away', 'busy'],
    location: (body: z.infer<typeof runView>) => body.output,
    async handle({ principal, app, body }, { platform }) {
      const { id } = await platform.startRun(principal, app, body.argv);
      return { status: 202, body: { id, output: `/api/v1/apps/${app.name}/runs/${id}/output` } };
    },
  }),
  route({
    id: 'followRun',
    method: 'get',
    path: '/api/v1/apps/{app}/runs/{run}/output',
    summary: 'The output from its beginning, then the result',
    right: 'deploy',
    tenancy: 'app',
    params: z.object({ run: idParam('job') }),
    query: noQuery,
    answers: { 200: { description: 'The output', schema: null } },
    events: {
      description: 'Lines, then the result; the stream closes after it',
      data: { line: lineView, result: jobResultView },
    },
    errors: ['agent-away'],
    handle({ principal, app, params }, { platform }) {
      const id = idInPath('job', params.run, 'run');
      return { stream: (signal) => toEvents(platform.followRun(principal, app, id, signal)) };
    },
  }),
  route({
    id: 'cancelRun',
    method: 'delete',
    path: '/api/v1/apps/{app}/runs/{run}',
    summary: 'Ends a run',
    right: 'deploy',
    tenancy: 'app',
    params: z.object({ run: idParam('job') }),
    query: noQuery,
    answers: { 204: { description: 'It is being ended', schema: null } },
    errors: ['agent-away'],
    async handle({ principal, app, params }, { platform }) {
      await platform.cancelRun(principal, app, idInPath('job', params.run, 'run'));
      return nothing;
    },
  }),
] as const;

async function* toEvents(events: AsyncIterable<JobEvent>): AsyncGenerator<StreamEvent> {
  for await (const event of events) {
    yield jobEvent(event);
    if ('result' in event) return;
  }
}
