// The images in this Lockstep's own registry: what an app has there, who may pull it, how much it may be, and tidying it.
import { z } from '@hono/zod-openapi';
import { largestQuotaBytes, parseRepositoryPath } from '../../domain/own-image.ts';
import { nothing, ok } from '../answer.ts';
import { noBody, noQuery, parsedBy } from '../fields.ts';
import { route } from '../route.ts';

const bytes = z.int().min(0);
const imagesView = z
  .object({
    repositories: z.array(
      z.object({
        name: z.string().openapi({ example: 'web/api' }),
        isPublic: z.boolean().openapi({ description: 'Anybody may pull it' }),
        bytes,
        tags: z.int().min(0),
      }),
    ),
    bytes: bytes.openapi({ description: 'Of all of them; what they share counts once' }),
    mostBytes: bytes.openapi({ description: 'A push beyond it is refused' }),
  })
  .openapi('OwnImages');

const freedView = z
  .object({
    repositories: z.int().openapi({ description: 'Repositories of destroyed apps that are gone' }),
    images: z.int().openapi({ description: 'Images that nothing needs, and that are gone' }),
    bytes: z.int(),
  })
  .openapi('RegistryFreed');

export const ownImageRoutes = [
  route({
    id: 'getOwnImages',
    method: 'get',
    path: '/api/v1/apps/{app}/images',
    summary: 'What the app has in this Lockstep’s own registry',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'Its repositories', schema: imagesView } },
    errors: ['not-found', 'registry-away'],
    async handle({ principal, app }, { platform }) {
      const { repositories, ...sums } = await platform.ownImages(principal, app);
      return ok({ repositories: repositories.map((one) => ({ ...one })), ...sums });
    },
  }),
  route({
    id: 'setImageVisibility',
    method: 'post',
    path: '/api/v1/apps/{app}/images/visibility',
    summary: 'Says whether anybody may pull a repository of the app, or only who may read the app',
    right: ['deploy', 'config'],
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      repository: parsedBy(parseRepositoryPath, 'A repository of the app', 'web/api'),
      isPublic: z.boolean(),
    }),
    answers: { 204: { description: 'It is so', schema: null } },
    errors: ['not-found', 'bad-image', 'too-large'],
    handle({ principal, app, body }, { platform }) {
      platform.setImageVisibility(principal, app, body.repository, body.isPublic);
      return nothing;
    },
  }),
  route({
    id: 'setImageQuota',
    method: 'post',
    path: '/api/v1/apps/{app}/images/quota',
    summary: 'Says how much the app’s repositories may hold',
    right: 'admin',
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      mostBytes: bytes.max(largestQuotaBytes).nullable().openapi({ description: 'null: the usual' }),
    }),
    answers: { 204: { description: 'It is so', schema: null } },
    errors: ['not-found'],
    handle({ principal, app, body }, { platform }) {
      platform.setImageQuota(principal, app, body.mostBytes);
      return nothing;
    },
  }),
  route({
    id: 'tidyRegistry',
    method: 'post',
    path: '/api/v1/registry/tidyings',
    summary: 'Removes from this Lockstep’s own registry what nothing needs, now',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    body: noBody,
    answers: { 200: { description: 'What is gone', schema: freedView } },
    errors: ['not-found', 'busy', 'registry-away'],
    handle: async (_asked, { platform }) => ok({ ...(await platform.tidyRegistry()) }),
  }),
] as const;
