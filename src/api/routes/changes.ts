// Changes: what was proposed for main, and what became of it.
import { z } from '@hono/zod-openapi';
import { ok } from '../answer.ts';
import { page, readCursor } from '../cursor.ts';
import { idInPath, idParam, listOf, noQuery, pageQuery } from '../fields.ts';
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
    query: z.strictObject(pageQuery),
    answers: { 200: { description: 'A page of changes', schema: listOf(changeView) } },
    errors: [],
    handle({ principal, app, query }, { platform }) {
      const list = `changes/${app.id}`;
      const before = readCursor(list, query.cursor) as number | null;
      const changes = platform.listChanges(principal, app, before, query.limit + 1);
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
    params: z.object({ change: idParam('chg') }),
    query: noQuery,
    answers: { 200: { description: 'The change', schema: changeDetailView } },
    errors: [],
    handle({ principal, app, params }, { platform }) {
      const id = idInPath('chg', params.change, 'change');
      return ok(presentChangeDetail(platform.findChange(principal, app, id)));
    },
  }),
] as const;
