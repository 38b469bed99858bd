// How the ledger's events, log lines and tokens are shown. A token's secret and its hash are in no row that comes here.
import { z } from '@hono/zod-openapi';
import type { LogLine } from '../../domain/agent.ts';
import type { Token } from '../../domain/app.ts';
import { rights } from '../../domain/app.ts';
import { eventTypes } from '../../domain/ledger.ts';
import { iso, isoOrNull, moment } from '../fields.ts';
import type { NumberedEvent } from '../platform.ts';

export const eventView = z
  .object({
    seq: z.int().openapi({ description: 'Grows with every event; the cursor of the list' }),
    id: z.string(),
    type: z.enum(eventTypes),
    actor: z.string(),
    at: moment,
    appId: z.string().nullable(),
    changeId: z.string().nullable(),
    releaseId: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('Event');

export function presentEvent(event: NumberedEvent): z.infer<typeof eventView> {
  return {
    seq: event.seq,
    id: event.id,
    type: event.type,
    actor: event.actor,
    at: iso(event.atMs),
    appId: event.appId,
    changeId: event.changeId,
    releaseId: event.releaseId,
    data: { ...event.data },
  };
}

export const logLineView = z
  .object({
    atMs: z.number(),
    instanceId: z.string(),
    type: z.string().openapi({ description: 'The process type, or "lockstep" for what the platform says' }),
    release: z.string(),
    line: z.string(),
  })
  .openapi('LogLine');

export function presentLogLine({ atMs, instanceId, type, release, line }: LogLine): z.infer<typeof logLineView> {
  return { atMs, instanceId, type, release, line };
}

const tokenFields = {
  id: z.string(),
  name: z.string(),
  rights: z.array(z.enum(rights)),
  appIds: z.array(z.string()).nullable().openapi({ description: 'null: every app of the team' }),
  createdAt: moment,
  expiresAt: moment.nullable(),
  revokedAt: moment.nullable(),
};

export const tokenView = z.object(tokenFields).openapi('Token');
export const newTokenView = z
  .object({
    ...tokenFields,
    secret: z
      .string()
      .nullable()
      .openapi({ description: 'Shown once; null when an Idempotency-Key repeats the answer' }),
  })
  .openapi('NewToken');

export function presentToken(token: Token): z.infer<typeof tokenView> {
  return {
    id: token.id,
    name: token.name,
    rights: [...token.rights],
    appIds: token.appIds === null ? null : [...token.appIds],
    createdAt: iso(token.createdAtMs),
    expiresAt: isoOrNull(token.expiresAtMs),
    revokedAt: isoOrNull(token.revokedAtMs),
  };
}
