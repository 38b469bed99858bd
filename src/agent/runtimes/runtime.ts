// The seam between supervision and what really runs an instance: plain processes, containers, and a fake for
// tests; `runtimes.test.ts` holds all to one contract. An instance is named by its id alone, so that an agent that knows
// nothing but the id can adopt it, end it and remove what it left. Nothing here decides what should run.
import type { InstanceId } from '../../domain/ids.ts';
import type { Limits } from '../../domain/plan.ts';
import type { Identity } from '../../lib/identity.ts';
import type { Listener } from '../health/listeners.ts';
import type { Exit } from '../health/wait-healthy.ts';
import type { ProcessIdentity } from '../process/proc.ts';
import type { Reached } from '../process/reached.ts';
import type { ContainerStart } from './docker/container-spec.ts';

export type StartSpec = {
  id: InstanceId;
  argv: readonly string[];
  /** The whole environment; it holds LOCKSTEP_INSTANCE, by which strays are found. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  limits: Limits;
  /** null: identities are shared (not root). */
  identity: Identity | null;
  /** For the container runtime: then `cwd` and `identity` are the image's, and without `argv` it starts what it starts itself. */
  container?: ContainerStart | null;
};

export type OutputSink = { line(text: string): void; dropped(bytes: number): void };

/** Where it is reached, and what listens there, when that is not this machine's own network. */
export type Place = { host: string; listeners(): Promise<Listener[]> };

/** One start of an instance. */
export type Running = ProcessIdentity & {
  /** null: on the loopback of this machine. */
  place: Place | null;
  /** Its first process has ended; code and signal are null when nobody could see them (an adopted one). Never rejects. */
  exited: Promise<Exit>;
  /** No more output will come: everyone who could write is gone, or `leave` was called. */
  outputEnded: Promise<void>;
  /** After its end its last words are waited for so long at most: somebody else may hold its output, or be slow to give it. */
  lastWordsMs: number;
  /** Where it writes besides the app's own folders. */
  folders: readonly string[];
  pids(): number[];
  usage(): { memoryBytes: number; cpuSeconds: number; processes: number };
  /** How often the kernel killed something of it for want of memory, since this start or adoption. */
  oomKills(): number;
  /** What it has run into since the last look. Where no control group holds memory, ends what has too much. */
  look(): Reached[];
  /** SIGTERM, `graceMs`, SIGKILL to everything of it. Resolves when nothing of it is left; may be called after its end. */
  stop(graceMs: number): Promise<'term' | 'kill'>;
  /** Looks away; it runs on and can be adopted. */
  leave(): void;
};

export type Runtime = {
  /** @throws internal when it cannot be started at all */
  start(spec: StartSpec, sink: OutputSink): Promise<Running>;
  /** Takes up an instance that an earlier agent started; null when it is gone. What it wrote meanwhile is read. */
  adopt(id: InstanceId, identity: ProcessIdentity, limits: Limits, sink: OutputSink): Promise<Running | null>;
  /** Ends whatever of an instance still runs, when no identity of it is known. */
  sweep(id: InstanceId): Promise<void>;
  /** Removes what a run leaves behind (its pipe, its limits), once nothing of it runs. */
  clean(id: InstanceId): Promise<void>;
};
