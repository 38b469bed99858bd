// An app: a repository and the site it runs.
import type { AppId, TeamId, TokenId } from './ids.ts';
import type { AppName, BranchName, Hostname } from './names.ts';

export type App = {
  id: AppId;
  teamId: TeamId;
  name: AppName;
  /** The branch that is live; null until the first push of `main` or `master` decides (or `--main` did). */
  mainBranch: BranchName | null;
  hosts: readonly Hostname[];
  /** Numeric identities; null when Lockstep is not root and identities are shared. */
  liveUid: number | null;
  gateUid: number | null;
  gid: number | null;
  /** Once main has answered below 500, a 5xx at boot is a rejection. */
  wasEverHealthy: boolean;
  /** Once main has run tests, running none is a rejection. */
  hasEverRunTests: boolean;
  createdAtMs: number;
};

export const rights = ['read', 'deploy', 'config', 'admin'] as const;
export type Right = (typeof rights)[number];

/** A token as it is listed: its secret is shown once, and never kept. */
export type Token = {
  id: TokenId;
  name: string;
  rights: readonly Right[];
  /** null: every app of the team. */
  appIds: readonly AppId[] | null;
  createdAtMs: number;
  /** null: it does not expire. */
  expiresAtMs: number | null;
  revokedAtMs: number | null;
};

/** Who is asking: made from a token by the door, passed to every verb and question. */
export type Principal = {
  /** null: it is no token's (Lockstep itself, or anyone). */
  tokenId: TokenId | null;
  /** The token's name, shown as the actor. */
  name: string;
  teamId: TeamId;
  rights: readonly Right[];
  /** null: every app of the team. */
  appIds: readonly AppId[] | null;
};
