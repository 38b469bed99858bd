// How an image is made of a tree: what the plan says of it, what is asked of the agent for it, and what comes back while it is built.
import type { BuildAnswers } from './build-inputs.ts';
import type { AppId, TreeId } from './ids.ts';

/** What a plan says of the image that its processes run in. */
export type ImageRecipe = {
  /** The Dockerfile that Lockstep wrote; null: the tree's own. */
  written: string | null;
  /** The stage of the tree's own Dockerfile in which its checks run; null: there is none. */
  testTarget: string | null;
  /** A step of it fetches what is not of the commit: that never comes from a cache, and the image is never taken for another change. */
  isUncached: boolean;
  /** An image of a registry, by its digest; null or left out: it is built. */
  pulled?: string | null;
  /** Values of ARGs of the tree's own Dockerfile; left out: none. */
  buildArgs?: Readonly<Record<string, string>>;
  /** Names of the secrets that its steps mount; left out: none. */
  secrets?: readonly string[];
};

export type ImageSpec = {
  /** 64 hexadecimal digits: everything that goes into it. The same key is the same image. */
  key: string;
  appId: AppId;
  treeId: TreeId;
  /** null: the last stage. */
  target: string | null;
  buildArgs: Readonly<Record<string, string>>;
  isUncached: boolean;
  /** What the builder may ask back; null or left out: nothing. It is no part of the key: another value of a secret is no other image. */
  answers?: BuildAnswers | null;
  deadlineMs: number;
};

/** Its name besides the id: what has none is removed by whoever tidies the engine up. */
export const imageTag = (appId: AppId, key: string): string => `lockstep/${appId.toLowerCase()}:${key}`;

/** What the engine says of an image. */
export type ImageFacts = {
  id: string;
  /** TCP ports (EXPOSE), ascending. */
  ports: readonly number[];
  /** It has an ENTRYPOINT or a CMD. */
  hasOwnCommand: boolean;
  /** What its files are made of, the lowest first: digests. */
  layers: readonly string[];
};

export type ImageEvent =
  | { line: string }
  | { built: ImageFacts & { wasThere: boolean; cachedSteps: number; durationMs: number } }
  /** The Dockerfile's own fault, or its limit's. */
  | { failed: { why: string; outputTail: readonly string[] } };
