// A receipt says of one release what went live, why it was allowed to, and when: what is signed with the installation's key.
// The form is a public contract (docs/receipts.md): members are added only with another `format`. The second one has the image.
import type { ChangeHow, Moments } from './change.ts';
import type { CheckKind, CheckOutcome, VerdictOutcome } from './gate.ts';
import type { AppId, ChangeId, CommitId, Digest, ImageId, ReleaseId, TreeId } from './ids.ts';
import type { ReleaseCause } from './release.ts';

/** Of what runs as processes of the machine, and of what runs in an image. */
export const receiptFormat = 'lockstep-receipt/1';
export const imageReceiptFormat = 'lockstep-receipt/2';

/** What one check said; no finding, no output. */
export type CheckedFact = {
  kind: CheckKind;
  name: string;
  outcome: CheckOutcome;
  summary: string;
  metrics: Readonly<Record<string, number>>;
  findingCount: number;
  durationMs: number;
};

export type Receipt = {
  format: typeof receiptFormat | typeof imageReceiptFormat;
  app: { id: AppId; name: string };
  /** `version` and `liveAt` are null when a later change was live before this one was written down. */
  release: { id: ReleaseId; version: number | null; cause: ReleaseCause; actor: string; liveAt: string | null };
  /** null: no commit moved (a change of config). */
  change: {
    id: ChangeId;
    number: number;
    how: ChangeHow;
    branch: string;
    base: CommitId | null;
    head: CommitId;
    /** The checks' answers came from an earlier landing or push of the same tree. */
    isMemoised: boolean;
  } | null;
  commit: CommitId;
  tree: TreeId;
  artifact: Digest;
  /** The engine's own digest of what runs; left out in the first format. */
  image?: ImageId;
  /** `hash`: of the values, under a key that only the installation has: it shows that two releases had the same config, not which. */
  config: { version: number; hash: string };
  /** null: nothing was checked (a change of config), or the record of the checks is not kept any more. */
  verdict: { outcome: VerdictOutcome; checks: readonly CheckedFact[] } | null;
  /** Of each step of the change, milliseconds since the epoch. */
  moments: Moments;
  madeAt: string;
};
