// Quay: a push with the tags that it moved (a list; older ones: a record of tag and image).
import { z } from 'zod';
import { pushedFrom, senderOf, word } from '../notice.ts';

const shape = z.object({
  docker_url: word,
  repository: word,
  updated_tags: z.union([
    z.array(word).max(200),
    z.record(word, z.string()).transform((tags) => Object.keys(tags).slice(0, 200)),
  ]),
});

export const quay = senderOf('Quay', shape, ({ docker_url, updated_tags }) => ({
  pushed: updated_tags.flatMap((tag) => pushedFrom(docker_url, { tag })),
}));
