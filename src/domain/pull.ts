// An image of a registry, asked for by way of the engine: what its tag is now, and the image itself, by its digest.
import type { AppId, Digest, ImageId } from './ids.ts';

/** Who the engine is to the registry of an image; null: nobody. */
export type ImageLogin = { username: string; password: string } | null;

export type ImageQuestion = {
  /** In its normal form. */
  image: string;
  login: ImageLogin;
};

/** What a tag is at its registry now. */
export type ResolvedImage = { digest: Digest };

/** `image` names a digest. */
export type PullSpec = ImageQuestion & {
  appId: AppId;
  deadlineMs: number;
  /** Of the image on the disk. */
  mostBytes: number;
};

export type PulledImage = {
  id: ImageId;
  /** TCP ports (EXPOSE), ascending. */
  ports: readonly number[];
  /** It has an ENTRYPOINT or a CMD. */
  hasOwnCommand: boolean;
  bytes: number;
  wasThere: boolean;
  durationMs: number;
};

export type PullEvent =
  | { line: string }
  | { pulled: PulledImage }
  /** The registry's word (it has no such image, or not for us), or a limit that was met. */
  | { failed: { why: string } };
