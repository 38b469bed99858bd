// A job: whatever is not ours and ends by itself, as it is asked for and as it ended. It names its place, its tools and its folders by words
// that the agent fills in (`{tree}`, `{layer}`, `{job}`, `{reports}`, `{tool:NAME}`): no path of either process is in it.
import type { Kept } from './collected.ts';
import type { Identities } from './desired.ts';
import type { AppId, ImageId, JobId, TreeId } from './ids.ts';
import type { Command, Limits } from './plan.ts';

/** Install and build steps, checks, release commands, `run`: whatever is not ours runs as a job under the agent. */
export type JobSpec = Identities & {
  id: JobId;
  appId: AppId;
  kind: 'install' | 'build' | 'check' | 'release' | 'run';
  /** `live` only for release commands and `run`. */
  identity: 'live' | 'gate';
  /**
   * Where it runs: a throw-away copy of a tree, or an artifact's release directory or built tree (read-only). `isComing`: the tree is sent
   * beside the job, which is launched as soon as its copy is whole. Or an image: then it runs in a container that is thrown away, in the folder
   * that the image says and without tools; of the live identity as an instance would, of the gate as root. A gate's has `{layer}`, read-only: what
   * is in the folder of that name of the image `tools`; and copies of these files of a tree, read-only, in `{job}/tests`.
   */
  place:
    | { copy: string; isComing?: boolean }
    | { treeId: TreeId; builtKey?: string | null }
    | ({ image: ImageId } & InImage);
  /** The folder of the place to run in; left out: its top. */
  folder?: string;
  layerKey: string | null;
  /** Names of tools that must be there, used as `{tool:NAME}`. */
  tools: readonly string[];
  command: Command;
  /**
   * It may be started ahead of its tree: these words come after the command's then. It waits for the end of the FIFO `{begin}`, reads
   * `{begin}.json` (`{"folder": …}`), and behaves from then on as if just started there; without that file it goes (exit 125).
   * Neither command nor env names `{tree}`.
   */
  ahead?: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Small files written read-only into the job's own directory, used as `{job}/NAME`. */
  files: Readonly<Record<string, string>>;
  /** The same, of what differs from tree to tree: a program that was started ahead finds them once its wait has ended. */
  late?: Readonly<Record<string, string>>;
  /** Files that the command writes to `{reports}/NAME`, brought back with the result; at most 16 MiB each. */
  reports: readonly string[];
  /** Folders that the command writes to `{reports}/FOLDER`, by the name under which they are fetched once it has ended. */
  collect?: Readonly<Record<string, string>>;
  /** `none`: it reaches no address but its own loopback, where the machine can hold it to that. */
  network?: 'none';
  /** Volumes are mounted for `live` jobs only. */
  volumes: Readonly<Record<string, string>>;
  deadlineMs: number;
  /** Kept of the output: the first and the last bytes; more is counted and dropped. */
  outputBytes: number;
  limits: Limits;
};

/** What a job in an image has besides it. */
export type InImage = {
  isGenerated?: boolean;
  tools?: ImageId;
  tests?: { treeId: TreeId; files: readonly string[] };
  /** The commit's tree as it lies on the machine, to be read at `{sources}`. */
  sources?: TreeId;
  /** `{cache}` is the app's own, and stays; left out: it goes with the job. */
  cache?: true;
};

export type JobResult = {
  id: JobId;
  /** null when it was killed by a signal or never ran. */
  exitCode: number | null;
  signal: string | null;
  endedBy: 'exit' | 'deadline' | 'cancelled' | 'out-of-memory' | 'disk-limit' | 'lost';
  /** At most the last 200 lines. */
  outputTail: readonly string[];
  outputBytes: number;
  reports: Readonly<Record<string, string>>;
  /** What control has kept of the job's folders, by their names; absent: none was asked for. */
  collected?: Readonly<Record<string, Kept>>;
  /** The image in a container of which it ran, as control adds it; absent: on the machine. */
  ranIn?: ImageId;
  startedAtMs: number;
  durationMs: number;
};

/** One line of a job's stream. */
export type JobEvent = { line: string } | { result: JobResult };
