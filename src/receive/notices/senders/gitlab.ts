// GitLab tells of pipelines and deployments, not of images: what a project's pipeline pushed lies within the project's path. Its registry's own
// notifications are Distribution's.
import { z } from 'zod';
import { type HeaderOf, pushedAs, senderOf, word } from '../notice.ts';

const project = z.object({ path_with_namespace: word });
const deliveryOf = (header: HeaderOf): string | null => header('idempotency-key') ?? header('x-gitlab-event-uuid');
const within = ({ path_with_namespace }: z.output<typeof project>) =>
  pushedAs({ path: path_with_namespace.toLowerCase(), isWithin: true });

export const gitlabPipeline = senderOf(
  'GitLab',
  z.object({ object_kind: z.literal('pipeline'), object_attributes: z.object({ status: word }), project }),
  (body, header) => ({
    deliveryId: deliveryOf(header),
    pushed: body.object_attributes.status === 'success' ? within(body.project) : [],
  }),
);

export const gitlabDeployment = senderOf(
  'GitLab deployment',
  z.object({ object_kind: z.literal('deployment'), status: word, project }),
  (body, header) => ({ deliveryId: deliveryOf(header), pushed: body.status === 'success' ? within(body.project) : [] }),
);

/** Any other event of a project: heard, and nothing follows. */
export const gitlabOther = senderOf('GitLab event', z.object({ object_kind: word, project }), (_body, header) => ({
  deliveryId: deliveryOf(header),
}));
