// Gitea and Forgejo: the event `package`; a container's version is its tag, or its digest when it has none.
import { z } from 'zod';
import { pushedAs, senderOf, word } from '../notice.ts';

const shape = z.object({
  action: word,
  package: z.object({ type: word, name: word, version: word, owner: z.object({ login: word }) }),
});

export const gitea = senderOf('Gitea', shape, ({ action, package: its }, header) => ({
  deliveryId: header('x-gitea-delivery') ?? header('x-forgejo-delivery'),
  pushed:
    action === 'created' && its.type === 'container'
      ? pushedAs({ path: `${its.owner.login}/${its.name}`.toLowerCase(), tag: its.version })
      : [],
}));
