// Hooks: made and removed by who may deploy and configure the app, called by registries, which have no token but the hook's own secret.
import { z } from '@hono/zod-openapi';
import { nothing, ok } from '../answer.ts';
import { idInPath, idParam, noBody, noQuery } from '../fields.ts';
import { route } from '../route.ts';
import { heardView, hookView, newHookView, presentHook, presentNewHook } from '../views/hook.ts';

type NewHook = z.infer<typeof newHookView>;
const kept = (body: NewHook): NewHook => ({ ...body, secret: null, secretPath: null });
const oneHook = z.object({ hook: idParam('hok') });

export const hookRoutes = [
  route({
    id: 'listHooks',
    method: 'get',
    path: '/api/v1/apps/{app}/hooks',
    summary: 'The hooks by which registries say that the app’s image has changed, without their secrets',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'All of them', schema: z.object({ items: z.array(hookView) }) } },
    errors: [],
    handle: ({ principal, app }, { platform }) =>
      ok({ items: platform.listHooks(principal, app).map((hook) => presentHook(app, hook)) }),
  }),
  route({
    id: 'createHook',
    method: 'post',
    path: '/api/v1/apps/{app}/hooks',
    summary: 'Makes a hook; its secret is in this answer and in no other',
    right: ['deploy', 'config'],
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'is not 1 to 40 of a-z, 0-9 and "-"')
        .openapi({ description: 'The actor of what it starts', example: 'docker-hub' }),
    }),
    answers: { 201: { description: 'The hook with its secret', schema: newHookView } },
    errors: ['name-taken', 'too-large'],
    kept,
    handle({ principal, app, body }, { platform }) {
      return { status: 201, body: presentNewHook(app, platform.createHook(principal, app, body.name)) };
    },
  }),
  route({
    id: 'rotateHook',
    method: 'post',
    path: '/api/v1/apps/{app}/hooks/{hook}/secrets',
    summary: 'Gives a hook another secret; the old one opens nothing from then on',
    right: ['deploy', 'config'],
    tenancy: 'app',
    params: oneHook,
    query: noQuery,
    body: noBody,
    answers: { 201: { description: 'The hook with its new secret', schema: newHookView } },
    errors: ['not-found'],
    kept,
    handle({ principal, app, params }, { platform }) {
      const id = idInPath('hok', params.hook, 'hook');
      return { status: 201, body: presentNewHook(app, platform.rotateHook(principal, app, id)) };
    },
  }),
  route({
    id: 'deleteHook',
    method: 'delete',
    path: '/api/v1/apps/{app}/hooks/{hook}',
    summary: 'Removes a hook at once',
    right: ['deploy', 'config'],
    tenancy: 'app',
    params: oneHook,
    query: noQuery,
    answers: { 204: { description: 'It hears nothing any more', schema: null } },
    errors: ['not-found'],
    handle({ principal, app, params }, { platform }) {
      platform.deleteHook(principal, app, idInPath('hok', params.hook, 'hook'));
      return nothing;
    },
  }),
  route({
    id: 'hearNotice',
    method: 'post',
    path: '/hooks/{name}/{secret}',
    summary: 'For registries: an image was pushed. The app’s own image is looked at, whatever the notice names',
    right: 'none',
    tenancy: 'none',
    params: z.object({
      name: z.string().openapi({ description: 'The app’s name', example: 'blog' }),
      secret: z.string().openapi({
        description: 'The hook’s secret; or its id, when the sender signs the body or sends the secret in a header',
      }),
    }),
    query: noQuery,
    takesBytes:
      'A notice of Docker Hub, Distribution, GitHub, GitLab, Harbor, Quay, Gitea or Forgejo, or `{"image", "tag", "digest"}`',
    answers: {
      200: { description: 'It is no news', schema: heardView },
      202: { description: 'The registry is asked now what the tag is', schema: heardView },
    },
    errors: ['unauthenticated', 'busy'],
    handle({ params, sent }, { platform }) {
      const heard = platform.hearNotice({ appName: params.name, inPath: params.secret, ...sent });
      return { status: heard.outcome === 'looking' ? 202 : 200, body: { ...heard } };
    },
  }),
] as const;
