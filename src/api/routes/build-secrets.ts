// Build secrets: what the builds of an app's image may read. Written here, and shown to nobody.
import { z } from '@hono/zod-openapi';
import { mostBuildSecrets, parseBuildSecret, parseBuildSecretName } from '../../domain/build-inputs.ts';
import { isFailure } from '../../domain/errors.ts';
import { ok } from '../answer.ts';
import { noQuery, parsedBy } from '../fields.ts';
import { route } from '../route.ts';
import { buildSecretsView, presentBuildSecrets } from '../views/build-secret.ts';

const secretName = parsedBy(parseBuildSecretName, 'The id by which the Dockerfile mounts it', 'NPM_TOKEN');

const entries = z
  .record(z.string(), z.string())
  .transform((given, context) => {
    const parsed = new Map<string, string>();
    for (const [name, value] of Object.entries(given)) {
      try {
        parsed.set(parseBuildSecretName(name), parseBuildSecret(name, value));
      } catch (error) {
        if (!isFailure(error)) throw error;
        const { message, code, advice } = error;
        context.addIssue({ code: 'custom', message, path: [name], params: { code, advice } });
      }
    }
    return parsed;
  })
  .openapi({
    type: 'object',
    additionalProperties: { type: 'string', format: 'password', writeOnly: true },
    example: { NPM_TOKEN: 'npm_…' },
  });

const changeBody = z
  .strictObject({ set: entries.optional(), unset: z.array(secretName).max(mostBuildSecrets).optional() })
  .check((context) => {
    const { set, unset } = context.value;
    const complain = (message: string): void =>
      void context.issues.push({ code: 'custom', message, input: null, path: [] });
    if ((set?.size ?? 0) + (unset?.length ?? 0) === 0) complain('names nothing to set or unset');
    for (const name of unset ?? []) if (set?.has(name)) complain(`both sets and unsets ${name}`);
  });

export const buildSecretRoutes = [
  route({
    id: 'listBuildSecrets',
    method: 'get',
    path: '/api/v1/apps/{app}/build-secrets',
    summary: 'The names of the secrets that builds of the app’s image may read',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'All of them', schema: buildSecretsView } },
    errors: [],
    handle: ({ principal, app }, { platform }) => ok(presentBuildSecrets(platform.buildSecrets(principal, app))),
  }),
  route({
    id: 'changeBuildSecrets',
    method: 'patch',
    path: '/api/v1/apps/{app}/build-secrets',
    summary: 'Sets and unsets build secrets; the next build that needs one gets its value of then',
    right: 'config',
    tenancy: 'app',
    query: noQuery,
    body: changeBody,
    answers: { 200: { description: 'All that there are now', schema: buildSecretsView } },
    errors: ['bad-env', 'too-large'],
    handle({ principal, app, body }, { platform }) {
      const wanted = { set: body.set ?? new Map<string, string>(), unset: body.unset ?? [] };
      return ok(presentBuildSecrets(platform.changeBuildSecrets(principal, app, wanted)));
    },
  }),
] as const;
