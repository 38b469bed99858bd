// Changes: what was proposed for main, and what became of it.
import { z } from '@hono/zod-openapi';
import { changeStates } from '../../domain/change.ts';
import { ok } from '../answer.ts';
import { page, readCursor } from '../cursor.ts';
import { flag, idInPath, listOf, pageQuery } from '../fields.ts';
import { route } from '../route.ts';
import { changeDetailView, changeView, presentChange, presentChangeDetail } from '../views/change.ts';

export const changeRoutes = [
  route({
    id: 'listChanges',
    method: 'get',
    path: '/api/v1/apps/{app}/changes',
    summary: 'The changes, newest first',
    right: 'read',
    tenancy: 'app',
    query: z.strictObject({
      ...pageQuery,
      state: z
        .enum([...changeStates, 'running'])
        .optional()
        .openapi({ description: 'Only those of this state; `running`: those that have not ended' }),
    }),
    answers: { 200: { description: 'A page of changes', schema: listOf(changeView) } },
    errors: [],
    handle({ principal, app, query }, { platform }) {
      const list = `changes/${app.id}/${query.state ?? ''}`;
      const before = readCursor(list, query.cursor) as number | null;
      const changes = platform.listChanges(principal, app, before, query.limit + 1, query.state ?? null);
      return ok(page(list, changes, query.limit, (change) => change.number, presentChange));
    },
  }),
  route({
    id: 'getChange',
    method: 'get',
    path: '/api/v1/apps/{app}/changes/{change}',
    summary: 'One change with its verdict',
    right: 'read',
    tenancy: 'app',
    params: z.object({
      change: z.string().openapi({ example: '42', description: 'The number of a change, or its id' }),
    }),
    query: z.strictObject({
      excerpts: flag.openapi({ description: 'With the lines around the findings of what failed' }),
    }),
    answers: { 200: { description: 'The change', schema: changeDetailView } },
    errors: [],
    async handle({ principal, app, params, query }, { platform }) {
      const number = /^[1-9]\d{0,8}$/.test(params.change) ? Number(params.change) : null;
      const change = platform.findChange(principal, app, number ?? idInPath('chg', params.change, 'change'));
      const excerpts = query.excerpts ? await platform.sourceOf(principal, app, change) : null;
      return ok(presentChangeDetail(change, excerpts));
    },
  }),
] as const;
