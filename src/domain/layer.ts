// A layer as it is asked for, and what is said while it is made. Its key says what went into it, so that it is made once and shared; once it is
// there it is never changed.
import type { Identities } from './desired.ts';
import type { AppId, Digest, TreeId } from './ids.ts';

/** A dependency layer, or a built tree, to be made once and then be read-only. */
export type LayerSpec = Identities & {
  key: string;
  appId: AppId;
  /** An interpreter's id from AgentHello; null: none. */
  interpreterId: string | null;
  tools: readonly string[];
  /** Content of the input files by path, base64; written into `{inputs}`. */
  files: Readonly<Record<string, string>>;
  /** Run one after the other under the gate identity; `{layer}`, `{inputs}`, `{python}`, `{tool:NAME}` are filled in. */
  steps: readonly LayerStep[];
  /**
   * A built tree: the layer begins as a copy of this tree, which must be on the machine, and the steps run in it. When they
   * are done the volumes (name -> path within the app) are linked into it. Left out: it begins empty.
   */
  from?: { treeId: TreeId; volumes: Readonly<Record<string, string>> };
  /** Keys of whole layers of the app that it stands on: `{layer:KEY}`, their `bin` is on the PATH of the steps. */
  needs?: readonly string[];
};

export type LayerStep = {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  deadlineMs: number;
  /** Where it runs; left out: `inputs`, of a built tree `layer`. */
  cwd?: 'inputs' | 'layer';
};

/** The keys of the layers that it stands on. */
export function layersUnder({ steps, needs }: Pick<LayerSpec, 'steps' | 'needs'>): string[] {
  const words = steps.flatMap(({ argv, env }) => [...argv, ...Object.values(env)]);
  const named = words.flatMap((word) => [...word.matchAll(/\{layer:([0-9a-f]{64})\}/g)].map((match) => match[1]!));
  return [...new Set([...(needs ?? []), ...named])];
}

export type LayerEvent =
  | { line: string }
  | { done: { key: string; digest: Digest; wasThere: boolean; durationMs: number } }
  | { failed: { exitCode: number | null; step: number; outputTail: readonly string[] } };
