// The notices of our own registry: what was pushed, and with whose token. They are Distribution's; whoever sends them has shown the secret that
// only the registry has. Of what it tells, only manifests that were pushed under a tag are read.
import { z } from 'zod';
import { parsePath, parseTag } from '../../domain/image-reference.ts';

const noticeShape = z.object({
  events: z
    .array(
      z.object({
        action: z.string().max(100),
        target: z.object({ repository: z.string().max(255).nullish(), tag: z.string().max(128).nullish() }).nullish(),
        actor: z.object({ name: z.string().max(255).nullish() }).nullish(),
      }),
    )
    .max(1000),
});

export type TagPush = { repository: string; tag: string /** Of the token; '' when it is not told. */; subject: string };

/** null: it is no notice. */
export function readOwnNotice(bytes: Uint8Array): TagPush[] | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  const { success, data } = noticeShape.safeParse(value);
  if (!success) return null;
  return data.events.flatMap(({ action, target, actor }): TagPush[] => {
    const repository = parsePath(target?.repository ?? '');
    const tag = parseTag(target?.tag ?? '');
    if (action !== 'push' || repository === null || tag === null) return [];
    return [{ repository, tag, subject: actor?.name ?? '' }];
  });
}
