// The documents of the REST API as the commands read them (only the keys that they use); the server's presenters define them.
import type { Right } from '../../domain/app.ts';
import type { CheckResult } from '../../domain/gate.ts';

export type AppView = {
  id: string;
  name: string;
  /** null until the first push of main or master decides. */
  mainBranch: string | null;
  hosts: string[];
  url: string;
  /** Of the documentation of what is live; null: it has none. */
  docsUrl: string | null;
  gitUrl: string;
  /** The image of a registry that it follows; null: its code is pushed. */
  image: string | null;
  createdAt: string;
};

export type ReleaseView = {
  id: string;
  version: number | null;
  state: string;
  cause: string;
  commit: string;
  configVersion: number;
  actor: string;
  description: string;
  reason: string | null;
  createdAt: string;
  liveAt: string | null;
};

export type ChangeView = {
  id: string;
  number: number;
  how: string;
  actor: string;
  head: string;
  state: string;
  reason: string | null;
  createdAt: string;
};

export type ChangeDetailView = ChangeView & {
  base: string | null;
  /** The branch that a merge request is about. */
  source: string | null;
  /** Why an admin let it past the checks. */
  override: string | null;
  allowsWeaker: boolean;
  isMemoised: boolean;
  endedAt: string | null;
  verdict: { checks: CheckResult[] } | null;
  reproduce: string | null;
  /** null: they were not asked for. */
  excerpts: { file: string; line: number; from: number; lines: string[] }[] | null;
};

export type TokenView = {
  id: string;
  name: string;
  rights: Right[];
  appIds: string[] | null;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
};

export type OwnImagesView = {
  repositories: { name: string; isPublic: boolean; bytes: number; tags: number }[];
  bytes: number;
  mostBytes: number;
};

export type FreedView = { repositories: number; images: number; bytes: number };

export type HookView = {
  id: string;
  name: string;
  path: string;
  createdAt: string;
  rotatedAt: string | null;
  heardAt: string | null;
  heard: string | null;
};

/** The secret is null when the connection broke before it was read. */
export type NewHookView = HookView & { secret: string | null; secretPath: string | null };

export type BuildSecretView = { name: string; actor: string; createdAt: string };
export type RegistryView = { host: string; username: string; actor: string; createdAt: string };
