// The paths that a registry's own files have below its root: layers and images by their digest, and the links that say which repository and tag
// they are of. No other path of it is in a backup.
import { parsePath } from '../domain/image-reference.ts';

const blobForm = /^blobs\/sha256\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\/data$/;
const linkForm =
  /^repositories\/(.{1,255})\/(?:_layers\/sha256\/[0-9a-f]{64}|_manifests\/revisions\/sha256\/([0-9a-f]{64})|_manifests\/tags\/\w[\w.-]{0,127}\/(?:current|index\/sha256\/[0-9a-f]{64}))\/link$/;

/** The digest of the layer or image that such a file is; null: it is none. */
export const blobOfPath = (path: string): string | null => blobForm.exec(path)?.[2] ?? null;

export const blobPath = (hex: string): string => `blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;

/** The repository of a link, and the image when it says that there is one. */
export function linkOfPath(path: string): { repository: string; image: string | null } | null {
  const [, repository, image] = linkForm.exec(path) ?? [];
  return repository === undefined || parsePath(repository) === null ? null : { repository, image: image ?? null };
}

export const isImagePath = (path: string): boolean => blobOfPath(path) !== null || linkOfPath(path) !== null;
