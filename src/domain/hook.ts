// An address at which a registry says that an app's image has changed. Its secret is shown once, and kept as a hash.
import type { AppId, HookId } from './ids.ts';

export type Hook = {
  id: HookId;
  appId: AppId;
  /** For people, one of the app's. */
  name: string;
  createdAtMs: number;
  /** When its secret was replaced last; null: never. */
  rotatedAtMs: number | null;
  /** When it was last heard, and what became of that, in words; null: never. */
  heardAtMs: number | null;
  heard: string | null;
};

/** What a registry, or the engine for us, is told who we are. */
export type RegistryLogin = { host: string; username: string; password: string };

/** As it is listed: its password is in no answer. */
export type KnownRegistry = { host: string; username: string; actor: string; createdAtMs: number };

/** An app has no more. */
export const mostHooks = 20;
/** A team has no more. */
export const mostRegistries = 100;

/** A notice as it came. */
export type NoticeSent = {
  /** The two last parts of the address. */
  appName: string;
  inPath: string;
  bytes: Uint8Array;
  /** By its lower-case name; null: it is not there. */
  header: (name: string) => string | null;
};

/** `looking`: the image is looked at now. `ignored`: it is no news for this app. `seen`: this delivery came before. */
export type Heard = { outcome: 'looking' | 'ignored' | 'seen'; why: string };
