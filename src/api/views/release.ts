// How releases are shown.
import { z } from '@hono/zod-openapi';
import { type Release, releaseStates } from '../../domain/release.ts';
import { iso, isoOrNull, moment } from '../fields.ts';

export const releaseView = z
  .object({
    id: z.string(),
    version: z.int().nullable().openapi({ description: 'null until it is live' }),
    state: z.enum(releaseStates),
    cause: z.enum(['deploy', 'rollback', 'config']),
    commit: z.string(),
    tree: z.string(),
    artifact: z.string(),
    configVersion: z.int(),
    actor: z.string(),
    description: z.string(),
    reason: z.string().nullable().openapi({ description: 'Why it failed' }),
    createdAt: moment,
    liveAt: moment.nullable(),
    changeId: z.string().nullable(),
  })
  .openapi('Release');

export function presentRelease(release: Release): z.infer<typeof releaseView> {
  return {
    id: release.id,
    version: release.version,
    state: release.state,
    cause: release.cause,
    commit: release.commit,
    tree: release.treeId,
    artifact: release.artifactDigest,
    configVersion: release.configVersion,
    actor: release.actor,
    description: release.description,
    reason: release.reason,
    createdAt: iso(release.createdAtMs),
    liveAt: isoOrNull(release.liveAtMs),
    changeId: release.changeId,
  };
}
