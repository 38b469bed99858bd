// What the gate left: reports of a change, quality over the releases, badges.

import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { badgeMetrics } from '../../domain/quality.ts';
import { badgeSvg } from '../../published/badge.ts';
import { type Answer, ok } from '../answer.ts';
import { idInPath, idParam, noQuery, wholeNumber } from '../fields.ts';
import { route } from '../route.ts';
import { badgeSettingView, presentFlaky, presentQuality, qualityView, reportsView } from '../views/published.ts';

export const publishedRoutes = [
  route({
    id: 'listReports',
    method: 'get',
    path: '/api/v1/apps/{app}/changes/{change}/reports',
    summary: 'The files that the checks of a change reported: coverage, tests, findings',
    right: 'read',
    tenancy: 'app',
    params: z.object({ change: idParam('chg') }),
    query: noQuery,
    answers: { 200: { description: 'The files', schema: reportsView } },
    errors: [],
    async handle({ principal, app, params }, { platform }) {
      const id = idInPath('chg', params.change, 'change');
      platform.findChange(principal, app, id);
      const items = await platform.listReports(principal, app, id);
      return ok({ items: items.map(({ path, bytes }) => ({ path, bytes })) });
    },
  }),
  route({
    id: 'getReport',
    method: 'get',
    path: '/api/v1/apps/{app}/changes/{change}/reports/{file}',
    summary: 'One of these files, in a sandbox; `coverage/index.html` shows the lines that no test ran',
    right: 'read',
    tenancy: 'app',
    rest: 'file',
    params: z.object({
      change: idParam('chg'),
      file: z
        .string()
        .max(4096)
        .openapi({ description: 'The path of the file, with its "/"', example: 'findings.json' }),
    }),
    query: noQuery,
    answers: { 200: { description: 'The file', schema: z.string(), contentType: 'application/octet-stream' } },
    errors: [],
    async handle({ principal, app, params }, { platform }) {
      const id = idInPath('chg', params.change, 'change');
      platform.findChange(principal, app, id);
      return platform.openReport(principal, app, id, params.file);
    },
  }),
  route({
    id: 'getQuality',
    method: 'get',
    path: '/api/v1/apps/{app}/quality',
    summary: 'Coverage, findings, documentation and tests over the last releases, the oldest first',
    right: 'read',
    tenancy: 'app',
    query: z.strictObject({
      limit: wholeNumber({ least: 1, most: 200, preset: 20, description: 'The most releases' }),
    }),
    answers: { 200: { description: 'The figures', schema: qualityView } },
    errors: [],
    handle: ({ principal, app, query }, { platform }) =>
      ok({
        items: platform.quality(principal, app, query.limit).map(presentQuality),
        flakyTests: platform.flakyTests(principal, app).map(presentFlaky),
      }),
  }),
  route({
    id: 'getBadge',
    method: 'get',
    path: '/api/v1/apps/{app}/badge.svg',
    summary: "A badge for a README; without a token only when the app's owner has said so",
    right: 'read',
    tenancy: 'app',
    anyone: (platform, app) => platform.anyoneFor(app),
    query: z.strictObject({ metric: z.enum(badgeMetrics).optional().openapi({ default: 'gate' }) }),
    answers: { 200: { description: 'The badge', schema: z.string(), contentType: 'image/svg+xml' } },
    errors: [],
    async handle({ principal, app, query, ifNoneMatch }, { platform }) {
      const svg = badgeSvg(await platform.badge(principal, app, query.metric ?? 'gate'));
      return cached(svg, 'image/svg+xml', ifNoneMatch);
    },
  }),
  route({
    id: 'getBadgeSetting',
    method: 'get',
    path: '/api/v1/apps/{app}/badge',
    summary: 'Whether the badges may be read without a token',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'The setting', schema: badgeSettingView } },
    errors: [],
    handle: ({ principal, app }, { platform }) => ok({ isPublic: platform.isBadgePublic(principal, app) }),
  }),
  route({
    id: 'setBadge',
    method: 'patch',
    path: '/api/v1/apps/{app}/badge',
    summary: 'Lets anybody read the badges, or nobody without a token',
    right: 'admin',
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({ isPublic: z.boolean() }),
    answers: { 200: { description: 'The setting', schema: badgeSettingView } },
    errors: [],
    handle({ principal, app, body }, { platform }) {
      platform.setBadgePublic(principal, app, body.isPublic);
      return ok({ isPublic: body.isPublic });
    },
  }),
] as const;

/** For a minute, so that a README is drawn without asking again. */
function cached(text: string, contentType: string, ifNoneMatch: string | null): Answer {
  const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
  const headers = { etag, 'cache-control': 'max-age=60', 'cross-origin-resource-policy': 'cross-origin' };
  const isKnown = (ifNoneMatch ?? '').split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
  if (isKnown) return { status: 304, headers, bytes: null };
  return { status: 200, headers: { ...headers, 'content-type': contentType }, bytes: text };
}
