// Docker Hub: one push, one tag, no signature and no id. `callback_url` wants to hear how it ended.
import { z } from 'zod';
import { pushedAs, senderOf, word } from '../notice.ts';

const shape = z.object({
  callback_url: z.string().max(2000).optional(),
  push_data: z.object({ tag: word.nullish(), pushed_at: z.number().nullish(), pusher: z.string().max(600).nullish() }),
  repository: z.object({ repo_name: word }),
});

export const dockerHub = senderOf('Docker Hub', shape, ({ callback_url, push_data, repository }) => ({
  deliveryId:
    push_data.pushed_at == null ? null : `${repository.repo_name} ${push_data.tag ?? ''} ${push_data.pushed_at}`,
  pushed: pushedAs({ path: repository.repo_name, tag: push_data.tag }),
  callbackUrl: callback_url ?? null,
}));
