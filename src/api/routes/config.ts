// Config: what an app's environment holds. Values are written here and shown only to who asks for them with the right.
import { z } from '@hono/zod-openapi';
import { isFailure } from '../../domain/errors.ts';
import { type EnvKey, parseEnvKey, parseEnvValue } from '../../domain/names.ts';
import { ok } from '../answer.ts';
import { flag, noQuery, parsedBy } from '../fields.ts';
import { route } from '../route.ts';
import { presentStarted, startedView } from '../views/work.ts';

/** More in one request is a mistake. */
const entryLimit = 1000;

const configView = z
  .object({
    version: z.int(),
    entries: z.record(z.string(), z.string().nullable()).openapi({ description: 'Values are null unless revealed' }),
  })
  .openapi('Config');

const changedView = z.object({ version: z.int(), started: startedView.nullable() }).openapi('ConfigChanged');

const envKey = parsedBy(parseEnvKey, 'The name of a variable', 'DATABASE_URL');

const envEntries = z
  .record(z.string(), z.string())
  .transform((entries, context) => {
    const parsed = new Map<EnvKey, string>();
    for (const [key, value] of Object.entries(entries)) {
      try {
        const name = parseEnvKey(key);
        parsed.set(name, parseEnvValue(name, value));
      } catch (error) {
        if (!isFailure(error)) throw error;
        const { message, code, advice } = error;
        context.addIssue({ code: 'custom', message, path: [key], params: { code, advice } });
      }
    }
    return parsed;
  })
  .openapi({ type: 'object', additionalProperties: { type: 'string' }, example: { GREETING: 'hello' } });

const changeBody = z
  .strictObject({ set: envEntries.optional(), unset: z.array(envKey).max(entryLimit).optional() })
  .check((context) => {
    const { set, unset } = context.value;
    const complain = (message: string): void =>
      void context.issues.push({ code: 'custom', message, input: null, path: [] });
    if ((set?.size ?? 0) + (unset?.length ?? 0) === 0) complain('names nothing to set or unset');
    if ((set?.size ?? 0) > entryLimit) complain(`sets more than ${entryLimit} variables`);
    for (const key of unset ?? []) if (set?.has(key)) complain(`both sets and unsets ${key}`);
  });

export const configRoutes = [
  route({
    id: 'getConfig',
    method: 'get',
    path: '/api/v1/apps/{app}/config',
    summary: 'The names of the variables, and with `reveal` their values',
    right: 'read',
    furtherRight: { right: 'config', when: '`reveal` is true', isNeeded: ({ query }) => query.reveal },
    tenancy: 'app',
    query: z.strictObject({ reveal: flag }),
    answers: { 200: { description: 'The config', schema: configView } },
    errors: [],
    handle({ principal, app, query }, { platform }) {
      const { version, entries } = platform.config(principal, app, { reveal: query.reveal });
      const shown = Object.entries(entries).map(([key, value]) => [key, query.reveal ? value : null]);
      return ok({ version, entries: Object.fromEntries(shown) });
    },
  }),
  route({
    id: 'changeConfig',
    method: 'patch',
    path: '/api/v1/apps/{app}/config',
    summary: 'Sets and unsets variables; a new release of the same artifact takes them live',
    right: 'config',
    tenancy: 'app',
    query: noQuery,
    body: changeBody,
    answers: {
      200: { description: 'Nothing had to be started', schema: changedView },
      202: { description: 'A release has begun; follow it', schema: changedView },
    },
    errors: ['bad-env', 'conflict', 'agent-away', 'router-away'],
    location: (body: z.infer<typeof changedView>) => body.started?.progress ?? null,
    async handle({ principal, app, body }, { platform }) {
      const wanted = { set: body.set ?? new Map<EnvKey, string>(), unset: body.unset ?? [] };
      const { version, started } = await platform.changeConfig(principal, app, wanted);
      return { status: started ? 202 : 200, body: { version, started: started && presentStarted(app, started) } };
    },
  }),
] as const;
