// What a tree needs to run, as data: detectors write it, both runtimes read it. No path of a machine is in it; the
// places `{tree}`, `{layer}` and `{tool:NAME}` are filled in by the agent.

import type { Finding } from './gate.ts';
import type { GateSettings } from './gate-settings.ts';
import type { ImageRecipe } from './image.ts';

/** argv, or one line of shell that the app's author wrote (a Procfile line), run inside the app's sandbox only. */
export type Command = { argv: readonly string[] } | { shell: string };

export type Interpreter =
  | { kind: 'python' /** e.g. "3.11" or "3.11.7"; null: whichever the platform prefers */; version: string | null }
  | { kind: 'node' /** a range as package.json's engines has it; null: Lockstep's own */; version: string | null }
  | { kind: 'go' /** what go.mod asks for is fetched by go itself */; version: null }
  | { kind: 'none' };

/** By the form of the lock file. */
export type NodeManager = 'npm' | 'pnpm' | 'pnpm-8' | 'yarn' | 'yarn-berry';

/** How a dependency layer is made: keyed by everything that goes into it. */
export type LayerRecipe = {
  interpreter: Interpreter;
  /** Files of the tree that the steps read (requirements, lock files); only these are visible to them. */
  inputs: readonly string[];
  /** Requirement specifiers that Lockstep adds (gunicorn when the app lacks a server). */
  extras: readonly string[];
  installer:
    | { tool: 'uv-requirements'; files: readonly string[] }
    | { tool: 'uv-sync' }
    /** `files`: requirements files that are installed with it. `program`: what its build backend says of this file is required, which is run in `folders` of the tree; left out: pyproject.toml says it. */
    | {
        tool: 'uv-project';
        extras: readonly string[];
        groups: readonly string[];
        files?: readonly string[];
        program?: 'setup.py' | 'pyproject.toml';
        folders?: readonly string[];
      }
    /** `manager` null: nothing is installed, the layer holds the interpreter alone. */
    | { tool: 'node'; manager: NodeManager | null; isLocked: boolean }
    /** Each a folder with a go.mod: '' or with its last slash. */
    | { tool: 'go-mod'; modules: readonly string[] }
    /** `files`: requirements files that are installed when what is added is there. */
    | { tool: 'none'; files?: readonly string[] };
  /** What an installation of the tree itself would say of it: its code runs from the tree. */
  own?: {
    name: string;
    version: string;
    entryPoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
    /** The folder of the tree in which the layer's interpreters find it, where they are told of a tree; left out: they do not. */
    place?: 'src' | '.';
  };
};

/**
 * How a built tree is made: a layer that begins as a copy of the tree, in which the builder's steps then run under the gate
 * identity. What serves runs in it, and `{tree}` of a process is it. Keyed by the tree and by everything else that goes
 * into it.
 */
export type BuiltRecipe = {
  interpreter: Interpreter;
  /** Dependency layers that the steps name as `{layer:run}` and `{layer:gate}`; `gate` is for the making alone. */
  needs: readonly ('run' | 'gate')[];
  /** Used as `{tool:NAME}`. */
  tools: readonly string[];
  /** Small files of Lockstep's, used as `{inputs}/NAME`. */
  files: Readonly<Record<string, string>>;
  /** Run one after the other in the built tree, which is `{layer}`; `{interpreter}` is the interpreter, `{cache}` the gate's. */
  steps: readonly { argv: readonly string[]; env: Readonly<Record<string, string>> }[];
};

/** What a process type may be called, in a Procfile as in the desired state. */
export const processTypePattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

export type ProcessType = {
  /** null: what the image itself starts; only of a plan with an image. */
  command: Command | null;
  /** Extra environment of this process type, under the app's own config. */
  env: Readonly<Record<string, string>>;
};

/** What serves an app's pages. */
export type Plan = {
  /** The detector that won, and why, for people: "Flask: app.py has app = Flask(...)". */
  detector: string;
  why: string;
  /** Detectors whose signals were there too, with why they lost. */
  alternatives: readonly string[];
  layer: LayerRecipe;
  /** What the checks need beyond `layer` (development requirements, pytest, coverage); null when nothing is checked in it. */
  gateLayer: LayerRecipe | null;
  /** Keys of the layers that parts of the tree of their own are checked in, by part (`python:api/`); the build fills it in. */
  partLayers?: Readonly<Record<string, string>>;
  /** null or left out: the release directory serves as it is. */
  built?: BuiltRecipe | null;
  /** Its processes run in this image, and what a command names is within it; null or left out: on the machine itself. */
  image?: ImageRecipe | null;
  /** `web` is required; others (worker) start after the commit point. */
  processes: Readonly<Record<string, ProcessType>> & { readonly web: ProcessType };
  releaseCommand: Command | null;
  /** The folder of the tree that is served as it is (`.` the top); left out: a program serves. */
  site?: string;
  env: Readonly<Record<string, string>>;
  health: { path: string; timeoutMs: number };
  /** name -> path within the app */
  volumes: Readonly<Record<string, string>>;
  limits: Limits;
  /** Environment of the gate alone (`app.json` environments.test). */
  testEnv: Readonly<Record<string, string>>;
  /** What the repository says of its gate; left out by plans of before (`gateOf`). */
  gate?: GateSettings;
  /** Advice for the pusher, one line each. */
  notes: readonly string[];
  /** Of its Dockerfile, what the gate is to judge (`gate/policy/dockerfile.ts`); left out: nothing. */
  findings?: readonly Finding[];
};

export type Limits = {
  memoryBytes: number;
  /** Cores; null: shared, no hard limit. */
  cpus: number | null;
  pids: number;
  diskBytes: number;
};

export const defaultLimits: Limits = {
  memoryBytes: 512 * 1024 * 1024,
  cpus: null,
  pids: 256,
  diskBytes: 1024 * 1024 * 1024,
};
