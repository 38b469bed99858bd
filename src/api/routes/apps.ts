// Apps: the repositories and the sites that they run.
import { z } from '@hono/zod-openapi';
import { nothing, ok } from '../answer.ts';
import { page, readCursor } from '../cursor.ts';
import { appName, branchName, flag, imageReference, listOf, noQuery, pageQuery } from '../fields.ts';
import { route } from '../route.ts';
import { appView, presentApp, presentStatus, statusView } from '../views/app.ts';

export const appRoutes = [
  route({
    id: 'listApps',
    method: 'get',
    path: '/api/v1/apps',
    summary: 'The apps that the token may see, in the order of their names',
    right: 'read',
    tenancy: 'team',
    query: z.strictObject(pageQuery),
    answers: { 200: { description: 'A page of apps', schema: listOf(appView) } },
    errors: [],
    handle({ principal, query }, { platform }) {
      const after = String(readCursor('apps', query.cursor) ?? '');
      const apps = platform.listApps(principal, after, query.limit + 1);
      return ok(
        page(
          'apps',
          apps,
          query.limit,
          (app) => app.name,
          (app) => presentApp(app, platform),
        ),
      );
    },
  }),
  route({
    id: 'createApp',
    method: 'post',
    path: '/api/v1/apps',
    summary: 'Makes an app with an empty repository; with `image`, one that follows an image of a registry',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    body: z.strictObject({
      name: appName,
      mainBranch: branchName.nullable().optional(),
      image: imageReference.nullable().optional(),
    }),
    answers: { 201: { description: 'The app', schema: appView } },
    errors: ['bad-name', 'bad-ref', 'bad-image', 'name-taken'],
    location: (body: z.infer<typeof appView>) => `/api/v1/apps/${body.name}`,
    async handle({ principal, body }, { platform }) {
      const wanted = { name: body.name, mainBranch: body.mainBranch ?? null, image: body.image ?? null };
      return { status: 201, body: presentApp(await platform.createApp(principal, wanted), platform) };
    },
  }),
  route({
    id: 'getApp',
    method: 'get',
    path: '/api/v1/apps/{app}',
    summary: 'One app',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'The app', schema: appView } },
    errors: [],
    handle: ({ app }, { platform }) => ok(presentApp(app, platform)),
  }),
  route({
    id: 'destroyApp',
    method: 'delete',
    path: '/api/v1/apps/{app}',
    summary: 'Stops and removes the app; its volumes stay unless they are named',
    right: 'admin',
    tenancy: 'app',
    query: z.strictObject({ volumes: flag }),
    answers: { 204: { description: 'It is gone', schema: null } },
    errors: ['conflict', 'agent-away'],
    async handle({ principal, app, query }, { platform }) {
      await platform.destroyApp(principal, app, { volumes: query.volumes });
      return nothing;
    },
  }),
  route({
    id: 'getStatus',
    method: 'get',
    path: '/api/v1/apps/{app}/status',
    summary: 'Whether what is on main is what is live, and why not',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'The status', schema: statusView } },
    errors: ['agent-away', 'router-away'],
    handle: async ({ principal, app }, { platform }) => ok(presentStatus(await platform.status(principal, app))),
  }),
] as const;
