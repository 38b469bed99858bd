// Merge requests: that a branch, or a commit, be merged into main. Each is a change; its progress is followed like any long work.
import { z } from '@hono/zod-openapi';
import { priorities } from '../../domain/change.ts';
import { fail } from '../../domain/errors.ts';
import { type CommitId, parseObjectId } from '../../domain/ids.ts';
import { nothing, ok } from '../answer.ts';
import { branchName, idInPath, idParam, noQuery } from '../fields.ts';
import { route } from '../route.ts';
import { changeView, presentChange } from '../views/change.ts';
import { mergeCheckView, presentMergeCheck } from '../views/merge.ts';
import { presentStarted, type StartedView, startedView } from '../views/work.ts';

const commitId = z
  .string()
  .transform((text, context) => {
    const id = parseObjectId(text);
    if (id) return id as CommitId;
    context.addIssue({ code: 'custom', message: 'is not a commit: 40 or 64 hexadecimal digits' });
    return z.NEVER;
  })
  .openapi({ type: 'string', description: 'A commit that was pushed; with `branch`, what the branch must be at' });

export const mergeRoutes = [
  route({
    id: 'askMerge',
    method: 'post',
    path: '/api/v1/apps/{app}/merges',
    summary: 'Asks for a branch, or a commit, to be merged into main; the same commit twice is one request',
    right: 'deploy',
    furtherRight: {
      right: 'admin',
      when: '`override` or `allowWeaken` is given',
      isNeeded: ({ body }) => (body.override ?? null) !== null || body.allowWeaken === true,
    },
    tenancy: 'app',
    query: noQuery,
    body: z.strictObject({
      branch: branchName.optional(),
      head: commitId.optional(),
      priority: z.enum(priorities).optional().openapi({ description: '`hotfix` skips the queue, never the checks' }),
      override: z
        .string()
        .trim()
        .min(3)
        .max(300)
        .nullable()
        .optional()
        .openapi({ description: 'Why it lands without the checks; it is written into the commit and the receipt' }),
      allowWeaken: z
        .boolean()
        .optional()
        .openapi({ description: "It may make main's gate weaker; the ledger says what it lowered" }),
      dryRun: z.boolean().optional().openapi({ description: 'Only says whether it would merge, and pass' }),
    }),
    answers: {
      200: { description: 'A dry run: whether it would merge', schema: mergeCheckView },
      202: { description: 'It waits for its gate; follow it at `progress`', schema: startedView },
    },
    errors: ['bad-request', 'no-release', 'conflict', 'busy', 'not-found'],
    location: (body: StartedView | object): string | null => ('progress' in body ? body.progress : null),
    async handle({ principal, app, body }, { platform }) {
      const {
        branch = null,
        head = null,
        priority = 'normal',
        override = null,
        allowWeaken: allowsWeaker = false,
      } = body;
      if (branch === null && head === null)
        throw fail('bad-request', 'neither a branch nor a commit is named', { advice: 'Send "branch" or "head".' });
      if (body.dryRun === true)
        return ok(presentMergeCheck(await platform.checkMerge(principal, app, { branch, head, allowsWeaker })));
      const started = await platform.startMerge(principal, app, { branch, head, priority, override, allowsWeaker });
      return { status: 202, body: presentStarted(app, started) };
    },
  }),
  route({
    id: 'listMerges',
    method: 'get',
    path: '/api/v1/apps/{app}/merges',
    summary: 'The merge requests that have not ended, in the order in which they are taken up',
    right: 'read',
    tenancy: 'app',
    query: noQuery,
    answers: { 200: { description: 'At most some hundred', schema: z.object({ items: z.array(changeView) }) } },
    errors: [],
    handle: ({ principal, app }, { platform }) => ok({ items: platform.listMerges(principal, app).map(presentChange) }),
  }),
  route({
    id: 'cancelMerge',
    method: 'delete',
    path: '/api/v1/apps/{app}/merges/{change}',
    summary: 'Ends a merge request, unless main is about to move to it',
    right: 'deploy',
    tenancy: 'app',
    params: z.object({ change: idParam('chg') }),
    query: noQuery,
    answers: { 204: { description: 'It is wanted no more, and ends', schema: null } },
    errors: ['conflict'],
    async handle({ principal, app, params }, { platform }) {
      await platform.cancelMerge(principal, app, idInPath('chg', params.change, 'merge request'));
      return nothing;
    },
  }),
] as const;
