// What an app has in this Lockstep's own registry: repositories named by it (`web`, and whatever lies below `web/`), which only who may read the
// app pulls unless one is public, and which together hold no more than the app may have.
import { fail } from './errors.ts';
import { parsePath } from './image-reference.ts';
import { printable } from './names.ts';

export type OwnRepository = {
  name: string;
  isPublic: boolean;
  /** Of its layers and images, as far as anything there names them. */
  bytes: number;
  tags: number;
};

export type OwnImages = {
  repositories: readonly OwnRepository[];
  /** Of all of them; what two of them share counts once. */
  bytes: number;
  mostBytes: number;
};

/** What the disk was rid of. */
export type Freed = { repositories: number; images: number; bytes: number };

/** As whom it runs where Lockstep is root; below the first identity of an app (store/apps.ts). */
export const registryIdentity = { uid: 39_992, gid: 39_992 };

export const usualQuotaBytes = 10 * 1024 ** 3;
/** More is no limit any more. */
export const largestQuotaBytes = 1024 ** 5;

/** A repository of ours is named by its app. */
export const appOfRepository = (repository: string): string => repository.split('/')[0]!;

/** @throws bad-image */
export function parseRepositoryPath(text: string): string {
  const path = parsePath(text);
  if (path !== null) return path;
  throw fail('bad-image', `"${printable(text)}" names no repository`, {
    advice: 'A repository is named by its app: web, or web/api.',
  });
}

/** What the disk of the registry is to be judged by. */
export type RegistryNeeds = {
  /** The apps that there are; repositories of others go. */
  apps: readonly string[];
  /** Digests that a release may be rolled back to, tagged or not. */
  keep: readonly string[];
  /** What came within so long is not looked at. */
  graceMs: number;
};

/** What lies on it. */
export type RegistryDisk = {
  repositories: readonly {
    name: string;
    bytes: number;
    tags: number;
    /** Images that nothing needs: without a tag, in no index that has one, and no release's. All of them when the app is gone. */
    needless: number;
  }[];
  /** By app; what its repositories share counts once. */
  bytesOfApps: Readonly<Record<string, number>>;
  /** Of all files. */
  bytes: number;
};

/** Whoever runs the registry, and may touch its disk; throws `registry-away` when there is nobody. */
export type RegistryKeeper = {
  measure(needs: RegistryNeeds): Promise<RegistryDisk>;
  /** Removes repositories whole; their layers stay until the next tidying. */
  drop(names: readonly string[]): Promise<void>;
  /** Stops the registry, removes what nothing needs, and starts it again. @returns what lies on the disk then */
  tidy(needs: RegistryNeeds): Promise<RegistryDisk>;
};
