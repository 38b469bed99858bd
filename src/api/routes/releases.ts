// Releases, and the two requests that make one without a push: roll back, restart. Both are long work that is followed.
import { z } from '@hono/zod-openapi';
import type { ReleaseId } from '../../domain/ids.ts';
import { parseId } from '../../domain/ids.ts';
import type { StreamEvent } from '../answer.ts';
import { ok } from '../answer.ts';
import { page, readCursor } from '../cursor.ts';
import { idInPath, idParam, listOf, noBody, noQuery, pageQuery } from '../fields.ts';
import type { Progress } from '../platform.ts';
import { route } from '../route.ts';
import { presentRelease, releaseView } from '../views/release.ts';
import { endView, lineView, presentStarted, progressEvent, type StartedView, startedView } from '../views/work.ts';

const started = { 202: { description: 'It has begun; follow it at `progress`', schema: startedView } };
const plain = 'text/plain; charset=utf-8';
const progressOf = (body: StartedView): string => body.progress;

export const releaseRoutes = [
  route({
    id: 'listReleases',
    method: 'get',
    path: '/api/v1/apps/{app}/releases',
    summary: 'The releases, newest first',
    right: 'read',
    tenancy: 'app',
    query: z.strictObject(pageQuery),
    answers: { 200: { description: 'A page of releases', schema: listOf(releaseView) } },
    errors: [],
    handle({ principal, app, query }, { platform }) {
      const list = `releases/${app.id}`;
      const before = readCursor(list, query.cursor) as ReleaseId | null;
      const releases = platform.listReleases(principal, app, before, query.limit + 1);
      return ok(page(list, releases, query.limit, (release) => release.id, presentRelease));
    },
  }),
  route({
    id: 'getRelease',
    method: 'get',
    path: '/api/v1/apps/{app}/releases/{release}',
    summary: 'One release',
    right: 'read',
    tenancy: 'app',
    params: z.object({ release: idParam('rel') }),
    query: noQuery,
    answers: { 200: { description: 'The release', schema: releaseView } },
    errors: [],
    handle({ principal, app, params }, { platform }) {
      const id = idInPath('rel', params.release, 'release');
      return ok(presentRelease(platform.findRelease(principal, app, id)));
    },
  }),
  route({
    id: 'getReceipt',
    method: 'get',
    path: '/api/v1/apps/{app}/releases/{release}/receipt',
    summary: 'The signed receipt of a release, as a file; docs/receipts.md says how to verify it',
    right: 'read',
    tenancy: 'app',
    params: z.object({
      release: z.string().openapi({ example: 'v12', description: 'The number of a release, or its id' }),
    }),
    query: noQuery,
    answers: { 200: { description: 'The receipt', schema: z.string(), contentType: plain } },
    errors: [],
    handle({ principal, app, params }, { platform }) {
      const number = /^v([1-9]\d{0,8})$/.exec(params.release)?.[1];
      const which = number ? Number(number) : idInPath('rel', params.release, 'release');
      return { status: 200, text: platform.receipt(principal, app, which), contentType: plain };
    },
  }),
  route({
    id: 'rollBack',
    method: 'post',
    path: '/api/v1/apps/{app}/rollbacks',
    summary: 'Brings back an earlier release: a revert commit lands on main, so main and live stay equal',
    right: 'deploy',
    furtherRight: { right: 'config', when: '`withConfig` is true', isNeeded: ({ body }) => body.withConfig === true },
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      version: z
        .int()
        .min(1)
        .nullable()
        .optional()
        .openapi({ description: 'The 12 of v12; the release before the live one when it is not given' }),
      withConfig: z.boolean().optional().openapi({ description: 'Bring that release\u2019s config back too' }),
    }),
    answers: started,
    errors: ['no-release', 'conflict', 'agent-away', 'router-away'],
    location: progressOf,
    async handle({ principal, app, body }, { platform }) {
      const wanted = { version: body.version ?? null, withConfig: body.withConfig ?? false };
      return { status: 202, body: presentStarted(app, await platform.startRollback(principal, app, wanted)) };
    },
  }),
  route({
    id: 'restart',
    method: 'post',
    path: '/api/v1/apps/{app}/restarts',
    summary: 'New instances of the live release, health-checked and switched',
    right: 'deploy',
    tenancy: 'app',
    query: noQuery,
    body: noBody,
    answers: started,
    errors: ['no-release', 'conflict', 'agent-away', 'router-away'],
    location: progressOf,
    async handle({ principal, app }, { platform }) {
      return { status: 202, body: presentStarted(app, await platform.startRestart(principal, app)) };
    },
  }),
  route({
    id: 'followProgress',
    method: 'get',
    path: '/api/v1/apps/{app}/progress/{id}',
    summary: 'Follows long work from its beginning to its end',
    right: 'read',
    tenancy: 'app',
    params: z.object({ id: z.string().openapi({ description: 'The id of a change or a release' }) }),
    query: noQuery,
    answers: { 200: { description: 'The progress', schema: null } },
    events: {
      description: 'Lines for people, then how it ended; the stream closes after `end`',
      data: { line: lineView, end: endView },
    },
    errors: [],
    handle({ principal, app, params }, { platform }) {
      const id = parseId('chg', params.id) ?? idInPath('rel', params.id, 'change or release');
      return { stream: (signal) => toEvents(platform.follow(principal, app, id, signal)) };
    },
  }),
] as const;

async function* toEvents(progress: AsyncIterable<Progress>): AsyncGenerator<StreamEvent> {
  for await (const step of progress) {
    yield progressEvent(step);
    if ('end' in step) return;
  }
}
