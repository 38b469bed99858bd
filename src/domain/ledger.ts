// The ledger: the append-only list of events, who did what, when, with what result. Appended in the same transaction as
// the state it speaks of.
import type { AppId, ChangeId, EventId, ReleaseId, TeamId } from './ids.ts';

export const eventTypes = [
  'app.created',
  'app.destroyed',
  'change.received',
  'change.gating',
  'change.passed',
  'change.landed',
  'change.rejected',
  'change.conflict',
  'change.superseded',
  'change.cancelled',
  'change.timed-out',
  'change.infra-error',
  'change.requeued',
  'branch.checked',
  'release.starting',
  'release.live',
  'release.retired',
  'release.failed',
  'config.changed',
  /** Names only. */
  'build-secrets.changed',
  'token.created',
  'token.revoked',
  'hook.created',
  'hook.rotated',
  'hook.deleted',
  'hook.heard',
  /** A notice came that could not prove who sent it; told at most once a minute. */
  'hook.refused',
  'image.followed',
  'image.looked',
  /** The command after a deploy has ended. */
  'image.after',
  'image.after-changed',
  'registry.changed',
  'registry.removed',
  /** In our own registry: what of an app's is public, or how much it may hold. */
  'registry.repository-changed',
  'branch.stored',
  'gate.weakened',
  'instance.crashed',
  'instance.restarted',
  'instance.healthy',
  'instance.out-of-memory',
  'instance.limit-reached',
  'instance.crash-loop',
  'instance.unhealthy',
  'instance.flapping',
  'app.disk-warning',
  'app.disk-limit',
  'app.disk-freed',
  'app.restarted',
  'app.badge',
  'recovery.rolled-forward',
  'doctor.fixed',
] as const;
export type EventType = (typeof eventTypes)[number];

export type LedgerEvent = {
  id: EventId;
  teamId: TeamId;
  appId: AppId | null;
  changeId: ChangeId | null;
  releaseId: ReleaseId | null;
  type: EventType;
  actor: string;
  atMs: number;
  /** Allow-listed facts: no secret, no config value. */
  data: Readonly<Record<string, unknown>>;
};
