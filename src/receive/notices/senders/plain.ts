// What a script sends: `{"image": "ghcr.io/team/web", "tag": "latest", "digest": "sha256:…"}`, or all of it in `image`.
import { z } from 'zod';
import { parseDigest } from '../../../domain/image-reference.ts';
import { pushedFrom, senderOf, word } from '../notice.ts';

const shape = z.strictObject({ image: word, tag: word.nullish(), digest: word.nullish() });

export const plain = senderOf('plain', shape, ({ image, tag, digest }, header) => {
  const at = image.indexOf('@');
  const named = at < 0 ? image : image.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  return {
    deliveryId: header('idempotency-key'),
    pushed: pushedFrom(colon < 0 ? named : named.slice(0, colon), {
      tag: tag ?? (colon < 0 ? null : named.slice(colon + 1)),
      digest: digest ?? (at < 0 ? null : parseDigest(image.slice(at + 1))),
    }),
  };
});
