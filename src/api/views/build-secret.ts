// Build secrets as they are listed: an allow-list without values.
import { z } from '@hono/zod-openapi';
import type { KnownBuildSecret } from '../../domain/build-inputs.ts';
import { iso, moment } from '../fields.ts';

export const buildSecretsView = z
  .object({ items: z.array(z.object({ name: z.string(), actor: z.string(), createdAt: moment })) })
  .openapi('BuildSecrets');

export const presentBuildSecrets = (secrets: readonly KnownBuildSecret[]): z.infer<typeof buildSecretsView> => ({
  items: secrets.map(({ name, actor, createdAtMs }) => ({ name, actor, createdAt: iso(createdAtMs) })),
});
