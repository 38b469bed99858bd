// The notifications of CNCF Distribution (also GitLab's own registry and Azure's, which sends one event without the list). The host that an
// event names is the registry's idea of itself and often not where it is pulled from: only the path counts.
import { z } from 'zod';
import { pushedAs, senderOf, word } from '../notice.ts';

const event = z.object({
  id: word,
  action: word,
  target: z.object({
    mediaType: z.string().max(600).nullish(),
    repository: word,
    tag: z.string().max(600).nullish(),
    digest: word.nullish(),
  }),
});
type Event = z.output<typeof event>;

const isManifest = ({ target: { mediaType } }: Event): boolean =>
  mediaType == null || mediaType === '' || /manifest|image\.index/.test(mediaType);

const pushedBy = ({ target }: Event) =>
  pushedAs({ path: target.repository, tag: target.tag || null, digest: target.digest ?? null });

const ofPushes = (events: readonly Event[]): Event[] =>
  events.filter((one) => (one.action === 'push' || one.action === 'mount') && isManifest(one));

export const distribution = senderOf('Distribution', z.object({ events: z.array(event).max(1000) }), ({ events }) => ({
  deliveryId: events.length === 0 ? null : events.map(({ id }) => id).join(' '),
  pushed: ofPushes(events).flatMap(pushedBy),
}));

export const oneEvent = senderOf('Azure', event, (one) => ({
  deliveryId: one.id,
  pushed: ofPushes([one]).flatMap(pushedBy),
}));
