// The platform itself: what it is, who asks, what it can be asked.
import { z } from '@hono/zod-openapi';
import { lockstepSchemaText, schemaPath } from '../../config/lockstep-schema.ts';
import { rights } from '../../domain/app.ts';
import { ok } from '../answer.ts';
import { noQuery } from '../fields.ts';
import { errorsPage, homePage } from '../home-page.ts';
import { route } from '../route.ts';

const html = 'text/html; charset=utf-8';

const platformView = z
  .object({
    url: z.string(),
    base: z.string(),
    version: z.string(),
    enforcement: z.record(z.string(), z.unknown()).openapi({ description: 'Which limits hold on this machine' }),
    home: z.string(),
  })
  .openapi('Platform');

const keyView = z
  .object({
    algorithm: z.literal('ed25519'),
    keyId: z.string().openapi({ description: 'SHA-256 of the key as DER, as receipts name it' }),
    pem: z.string(),
  })
  .openapi('Key');

const meView = z
  .object({
    name: z.string(),
    rights: z.array(z.enum(rights)),
    apps: z.array(z.string()).nullable().openapi({ description: 'Names; null: every app of the team' }),
  })
  .openapi('Me');

export const platformRoutes = [
  route({
    id: 'getHomePage',
    method: 'get',
    path: '/',
    summary: 'A page for people that says what this is',
    right: 'none',
    tenancy: 'none',
    query: z.looseObject({}),
    answers: { 200: { description: 'The page', schema: z.string(), contentType: html } },
    errors: [],
    handle: (_asked, { version }) => ({ status: 200, text: homePage(version), contentType: html }),
  }),
  route({
    id: 'getErrorsPage',
    method: 'get',
    path: '/docs/errors',
    summary: 'The errors that there are; the `type` of a problem leads here',
    right: 'none',
    tenancy: 'none',
    query: z.looseObject({}),
    answers: { 200: { description: 'The page', schema: z.string(), contentType: html } },
    errors: [],
    handle: () => ({ status: 200, text: errorsPage(), contentType: html }),
  }),
  route({
    id: 'getHealth',
    method: 'get',
    path: '/healthz',
    summary: 'Whether control answers',
    right: 'none',
    tenancy: 'none',
    query: z.looseObject({}),
    answers: { 200: { description: 'It does', schema: z.object({ ok: z.literal(true) }) } },
    errors: [],
    handle: () => ok({ ok: true }),
  }),
  route({
    id: 'getOpenApi',
    method: 'get',
    path: '/api/v1/openapi.json',
    summary: 'This document',
    right: 'none',
    tenancy: 'none',
    query: noQuery,
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
    errors: [],
    handle: (_asked, { openApi }) => ({ status: 200, text: openApi(), contentType: 'application/json' }),
  }),
  route({
    id: 'getLockstepSchema',
    method: 'get',
    path: schemaPath,
    summary: 'The JSON Schema of lockstep.yml, for editors',
    right: 'none',
    tenancy: 'none',
    query: noQuery,
    answers: { 200: { description: 'JSON Schema, draft 7', schema: z.looseObject({ title: z.string() }) } },
    errors: [],
    handle: () => ({ status: 200, text: lockstepSchemaText(), contentType: 'application/json' }),
  }),
  route({
    id: 'getKey',
    method: 'get',
    path: '/api/v1/key',
    summary: 'The public key that verifies receipts',
    right: 'none',
    tenancy: 'none',
    query: noQuery,
    answers: { 200: { description: 'The key', schema: keyView } },
    errors: [],
    handle: (_asked, { platform }) => ok({ algorithm: 'ed25519', ...platform.publicKey() }),
  }),
  route({
    id: 'getPlatform',
    method: 'get',
    path: '/api/v1/platform',
    summary: 'The address, the version and what is enforced on this machine',
    right: 'read',
    tenancy: 'none',
    query: noQuery,
    answers: { 200: { description: 'The platform', schema: platformView } },
    errors: ['agent-away'],
    async handle(_asked, { platform }) {
      const { url, base, version, enforcement, home } = await platform.about();
      return ok({ url, base, version, enforcement, home });
    },
  }),
  route({
    id: 'getMe',
    method: 'get',
    path: '/api/v1/me',
    summary: 'Who asks, with which rights',
    right: 'read',
    tenancy: 'team',
    query: noQuery,
    answers: { 200: { description: 'The token', schema: meView } },
    errors: [],
    handle({ principal }, { platform }) {
      const apps = principal.appIds && platform.listApps(principal, '', 200).map(({ name }) => name);
      return ok({ name: principal.name, rights: [...principal.rights], apps });
    },
  }),
] as const;
