// Images of registries: deployed, and who we are to the registries.
import { z } from '@hono/zod-openapi';
import { imageText, parseRegistryHost } from '../../domain/image-reference.ts';
import { nothing, ok } from '../answer.ts';
import { imageReference, noQuery, parsedBy } from '../fields.ts';
import { route } from '../route.ts';
import { presentRegistry, registryView } from '../views/hook.ts';
import { presentStarted, startedView } from '../views/work.ts';
import { commandWords } from './runs.ts';

const registryHost = parsedBy(parseRegistryHost, 'The host of a registry, as images name it', 'ghcr.io');

const deployView = z
  .object({
    image: z.string().openapi({ description: 'What the app follows' }),
    started: startedView.nullable().openapi({ description: 'null: it is live already' }),
  })
  .openapi('ImageDeploy');

const afterView = z
  .object({ argv: z.array(z.string()).openapi({ description: 'Empty: there is none' }) })
  .openapi('AfterCommand');

export const imageRoutes = [
  route({
    id: 'deployImage',
    method: 'post',
    path: '/api/v1/apps/{app}/deploys',
    summary: 'Asks the registry what the app’s image is now, and makes that live by its digest',
    right: 'deploy',
    furtherRight: { right: 'config', when: '`image` is given', isNeeded: ({ body }) => body.image != null },
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      image: imageReference
        .nullable()
        .optional()
        .openapi({ description: 'Follow this one from now on; with a digest, that one for good' }),
    }),
    answers: {
      200: { description: 'It is live already', schema: deployView },
      202: { description: 'It has begun; follow it at `progress`', schema: deployView },
    },
    errors: [
      ...(['bad-image', 'bad-config', 'conflict', 'pull-refused', 'registry-away'] as const),
      ...(['no-engine', 'engine-away', 'agent-away'] as const),
    ],
    location: (body: z.infer<typeof deployView>) => body.started?.progress ?? null,
    async handle({ principal, app, body }, { platform }) {
      const { image, started } = await platform.startImageDeploy(principal, app, body.image ?? null);
      const answer = { image: imageText(image), started: started && presentStarted(app, started) };
      return { status: started ? 202 : 200, body: answer };
    },
  }),
  route({
    id: 'getAfterCommand',
    method: 'get',
    path: '/api/v1/apps/{app}/after',
    summary: 'The command that runs after each deploy of the app’s image',
    right: 'config',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'Its words', schema: afterView } },
    errors: [],
    handle: ({ principal, app }, { platform }) => ok({ argv: [...(platform.afterCommand(principal, app) ?? [])] }),
  }),
  route({
    id: 'setAfterCommand',
    method: 'post',
    path: '/api/v1/apps/{app}/after',
    summary:
      'Has a command run after each deploy of the app’s image, with REPOSITORY_NAME and others in its environment',
    right: ['deploy', 'config'],
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({ argv: commandWords.nullable().openapi({ description: 'null: none any more' }) }),
    answers: { 200: { description: 'Its words', schema: afterView } },
    errors: ['not-found'],
    handle({ principal, app, body }, { platform }) {
      platform.changeAfterCommand(principal, app, body.argv);
      return ok({ argv: body.argv ?? [] });
    },
  }),
  route({
    id: 'listRegistries',
    method: 'get',
    path: '/api/v1/registries',
    summary: 'The registries that the team is logged in to, without passwords',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    answers: { 200: { description: 'All of them', schema: z.object({ items: z.array(registryView) }) } },
    errors: [],
    handle: ({ principal }, { platform }) => ok({ items: platform.listRegistries(principal).map(presentRegistry) }),
  }),
  route({
    id: 'logInToRegistry',
    method: 'post',
    path: '/api/v1/registries',
    summary: 'Keeps who the team is to a registry; private images are pulled as that',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    body: z.strictObject({
      host: registryHost,
      username: z.string().regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u, 'is not 1 to 255 printable characters'),
      password: z
        .string()
        .regex(/^[\x20-\x7e]{1,4096}$/, 'is not 1 to 4096 printable characters')
        .openapi({ format: 'password', writeOnly: true }),
    }),
    answers: { 201: { description: 'It is kept', schema: registryView } },
    errors: ['bad-image', 'too-large'],
    handle({ principal, body }, { platform }) {
      return { status: 201, body: presentRegistry(platform.setRegistry(principal, body)) };
    },
  }),
  route({
    id: 'logOutOfRegistry',
    method: 'delete',
    path: '/api/v1/registries/{host}',
    summary: 'Forgets who the team is to a registry',
    right: 'admin',
    tenancy: 'team',
    params: z.object({ host: registryHost }),
    query: noQuery,
    answers: { 204: { description: 'It is forgotten', schema: null } },
    errors: ['not-found', 'bad-image'],
    handle({ principal, params }, { platform }) {
      platform.forgetRegistry(principal, params.host);
      return nothing;
    },
  }),
] as const;
