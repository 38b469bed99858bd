// What is live, for whoever wants to run the same on another machine (`lockstep local`).
import { z } from '@hono/zod-openapi';
import { ok } from '../answer.ts';
import { noQuery } from '../fields.ts';
import { route } from '../route.ts';
import { liveView, presentLive } from '../views/live.ts';

export const liveRoutes = [
  route({
    id: 'getLive',
    method: 'get',
    path: '/api/v1/apps/{app}/live',
    summary: 'What is live: its tree, its image, how it starts, and the names of its variables',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'What is live', schema: liveView } },
    errors: ['no-release'],
    async handle({ principal, app }, { platform }) {
      return ok(presentLive(await platform.live(principal, app)));
    },
  }),
  route({
    id: 'getLiveImage',
    method: 'get',
    path: '/api/v1/apps/{app}/live/image',
    summary: 'The image of what is live, as an archive that a container engine loads; it keeps its id',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'The archive', schema: z.string(), contentType: 'application/x-tar' } },
    errors: ['no-release', 'no-engine', 'engine-away', 'agent-away', 'busy'],
    handle: ({ principal, app, signal }, { platform }) => platform.liveImage(principal, app, signal),
  }),
] as const;
