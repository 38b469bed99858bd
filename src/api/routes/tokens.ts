// Tokens: who may ask for what. The secret is in one answer, once, and in nothing that is kept.
import { z } from '@hono/zod-openapi';
import { rights } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { nothing, ok } from '../answer.ts';
import { page, readCursor } from '../cursor.ts';
import { appName, idInPath, idParam, listOf, noQuery, pageQuery } from '../fields.ts';
import { route } from '../route.ts';
import { newTokenView, presentToken, tokenView } from '../views/record.ts';

export const tokenRoutes = [
  route({
    id: 'listTokens',
    method: 'get',
    path: '/api/v1/tokens',
    summary: "The team's tokens, newest first, without their secrets",
    right: 'admin',
    tenancy: 'team',
    query: z.strictObject(pageQuery),
    answers: { 200: { description: 'A page of tokens', schema: listOf(tokenView) } },
    errors: [],
    handle({ principal, query }, { platform }) {
      const before = readCursor('tokens', query.cursor);
      const tokens = platform
        .listTokens(principal)
        .toSorted((a, b) => (a.id < b.id ? 1 : -1))
        .filter((token) => before === null || token.id < String(before));
      return ok(page('tokens', tokens, query.limit, (token) => token.id, presentToken));
    },
  }),
  route({
    id: 'createToken',
    method: 'post',
    path: '/api/v1/tokens',
    summary: 'Makes a token, with no more rights than the one that asks',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    body: z.strictObject({
      name: z
        .string()
        .regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u, 'is not 1 to 100 printable characters')
        .openapi({ description: 'Shown as the actor of what is done with it', example: 'ci' }),
      rights: z.array(z.enum(rights)).min(1).max(rights.length),
      apps: z
        .array(appName)
        .min(1)
        .max(100)
        .nullable()
        .optional()
        .openapi({ description: 'Names; every app of the team when it is not given' }),
      expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
    }),
    answers: { 201: { description: 'The token with its secret', schema: newTokenView } },
    errors: ['bad-name', 'not-found'],
    kept: (body: z.infer<typeof newTokenView>) => ({ ...body, secret: null }),
    handle({ principal, body }, { platform, now }) {
      const expiresAtMs = body.expiresAt == null ? null : Date.parse(body.expiresAt);
      if (expiresAtMs !== null && expiresAtMs <= now())
        throw fail('bad-request', 'body.expiresAt: is in the past', { advice: 'Name a moment to come, or none.' });
      const wanted = { name: body.name, rights: [...new Set(body.rights)], apps: body.apps ?? null, expiresAtMs };
      const { token, secret } = platform.createToken(principal, wanted);
      return { status: 201, body: { ...presentToken(token), secret } };
    },
  }),
  route({
    id: 'revokeToken',
    method: 'delete',
    path: '/api/v1/tokens/{token}',
    summary: 'Revokes a token at once',
    right: 'admin',
    tenancy: 'team',
    params: z.object({ token: idParam('tok') }),
    query: noQuery,
    answers: { 204: { description: 'It opens nothing any more', schema: null } },
    errors: ['not-found'],
    handle({ principal, params }, { platform }) {
      platform.revokeToken(principal, idInPath('tok', params.token, 'token'));
      return nothing;
    },
  }),
] as const;
