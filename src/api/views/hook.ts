// How hooks and registries are shown. A hook's secret is in the answer that makes it, a registry's password in none.
import { z } from '@hono/zod-openapi';
import type { App } from '../../domain/app.ts';
import type { Hook, KnownRegistry } from '../../domain/hook.ts';
import { iso, isoOrNull, moment } from '../fields.ts';

const hookFields = {
  id: z.string().openapi({ example: 'hok_01JD5Z7Q0G9V1M8XK3T2R4W6YB' }),
  name: z.string(),
  path: z.string().openapi({ description: 'Where a sender that signs, or sends the secret in a header, sends to' }),
  createdAt: moment,
  rotatedAt: moment.nullable(),
  heardAt: moment.nullable(),
  heard: z.string().nullable().openapi({ description: 'What became of the last notice, in words' }),
};

export const hookView = z.object(hookFields).openapi('Hook');
export const newHookView = z
  .object({
    ...hookFields,
    secret: z
      .string()
      .nullable()
      .openapi({ description: 'Shown once; null when an Idempotency-Key repeats the answer' }),
    secretPath: z
      .string()
      .nullable()
      .openapi({ description: 'Where a sender that can neither sign nor send a header sends to: the secret is in it' }),
  })
  .openapi('NewHook');

export function presentHook(app: App, hook: Hook): z.infer<typeof hookView> {
  return {
    id: hook.id,
    name: hook.name,
    path: `/hooks/${app.name}/${hook.id}`,
    createdAt: iso(hook.createdAtMs),
    rotatedAt: isoOrNull(hook.rotatedAtMs),
    heardAt: isoOrNull(hook.heardAtMs),
    heard: hook.heard,
  };
}

export function presentNewHook(app: App, made: { hook: Hook; secret: string }): z.infer<typeof newHookView> {
  return { ...presentHook(app, made.hook), secret: made.secret, secretPath: `/hooks/${app.name}/${made.secret}` };
}

export const heardView = z
  .object({ outcome: z.enum(['looking', 'ignored', 'seen']), why: z.string() })
  .openapi('HeardNotice');

export const registryView = z
  .object({ host: z.string(), username: z.string(), actor: z.string(), createdAt: moment })
  .openapi('Registry');

export function presentRegistry({ host, username, actor, createdAtMs }: KnownRegistry): z.infer<typeof registryView> {
  return { host, username, actor, createdAt: iso(createdAtMs) };
}
