// The doctor: is everything as the store says, and is main what is live? A repair mends what has one right answer.
import { z } from '@hono/zod-openapi';
import { ok } from '../answer.ts';
import { appName, noQuery } from '../fields.ts';
import { route } from '../route.ts';
import { presentReport, repairView, reportView } from '../views/doctor.ts';

export const doctorRoutes = [
  route({
    id: 'examine',
    method: 'get',
    path: '/api/v1/doctor',
    summary:
      'What is not as it should be, of all that the token may see; it reads every served byte and may take a while',
    right: 'read',
    tenancy: 'team',
    query: z.strictObject({ app: appName.optional() }),
    answers: { 200: { description: 'The findings; `problems` is empty when all is well', schema: reportView } },
    errors: ['not-found', 'busy'],
    async handle({ principal, query }, { platform }) {
      const app = query.app === undefined ? null : platform.findApp(principal, query.app);
      return ok(presentReport(await platform.examine(principal, app)));
    },
  }),
  route({
    id: 'repair',
    method: 'post',
    path: '/api/v1/doctor/repairs',
    summary: 'Mends what has one right answer, and says what is left',
    right: 'admin',
    tenancy: 'team',
    query: noQuery,
    body: z.strictObject({ app: appName.nullable().optional() }),
    answers: { 200: { description: 'What was mended, and what is left', schema: repairView } },
    errors: ['not-found', 'busy'],
    async handle({ principal, body }, { platform }) {
      const app = body.app ? platform.findApp(principal, body.app) : null;
      const { fixed, report } = await platform.repair(principal, app);
      return ok({
        fixed: fixed.map(({ code, app: name, what }) => ({ code, app: name, what })),
        report: presentReport(report),
      });
    },
  }),
] as const;
