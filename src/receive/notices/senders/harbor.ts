// Harbor, in both of its formats: its own, and CloudEvents.
import { z } from 'zod';
import { pushedAs, senderOf, word } from '../notice.ts';

const about = z.object({
  resources: z
    .array(z.object({ digest: word.nullish(), tag: z.string().max(600).nullish() }))
    .max(200)
    .nullish(),
  repository: z.object({ name: word.nullish(), namespace: word.nullish(), repo_full_name: word.nullish() }),
});

const pushedIn = ({ resources, repository: { repo_full_name, namespace, name } }: z.output<typeof about>) => {
  const path = repo_full_name ?? [namespace, name].filter((part) => part != null).join('/');
  return (resources ?? []).flatMap(({ tag, digest }) => pushedAs({ path, tag: tag || null, digest: digest ?? null }));
};

const names = ({ resources }: z.output<typeof about>): string =>
  (resources ?? []).map(({ digest, tag }) => `${tag ?? ''} ${digest ?? ''}`).join(' ');

export const harbor = senderOf(
  'Harbor',
  z.object({ type: word, occur_at: z.number().nullish(), event_data: about }),
  ({ type, occur_at, event_data }) => ({
    deliveryId: occur_at == null ? null : `${type} ${occur_at} ${names(event_data)}`,
    pushed: type === 'PUSH_ARTIFACT' ? pushedIn(event_data) : [],
  }),
);

export const harborCloudEvents = senderOf(
  'Harbor CloudEvents',
  z.object({ specversion: word, id: word, type: word, data: about }),
  ({ id, type, data }) => ({ deliveryId: id, pushed: type === 'harbor.artifact.pushed' ? pushedIn(data) : [] }),
);
