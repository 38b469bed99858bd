// What the agent reports of the desired state: its instances as they are, and what happens to them. One stream, of which the first line
// is the whole and each further one what changed; nothing in it asks for anything.
import type { AppId, InstanceId, InstanceSetId, ReleaseId } from './ids.ts';

export const instanceStates = [
  'starting',
  'healthy',
  'unhealthy',
  'backing-off',
  'draining',
  'stopping',
  'stopped',
  'failed',
] as const;
export type InstanceState = (typeof instanceStates)[number];

export type ObservedInstance = {
  id: InstanceId;
  setId: InstanceSetId;
  appId: AppId;
  releaseId: ReleaseId;
  type: string;
  state: InstanceState;
  pid: number | null;
  /** Clock ticks since boot, from /proc/PID/stat: with the pid, the process's identity. */
  startTicks: number | null;
  /** The port that it serves on; null for workers and until known. */
  port: number | null;
  /** The address that it serves at; left out: 127.0.0.1. */
  host?: string;
  restarts: number;
  startedAtMs: number;
  healthyAtMs: number | null;
  /** The status that the last health probe got; null before the first answer. */
  healthStatus: number | null;
  /** Why it failed or crashed, for people: "exited with code 1 after 0.2 s", "out of memory (limit 64 MB)". */
  reason: string | null;
  /** The last log lines of a failed start (at most 50). */
  logTail: readonly string[];
  /** Advice of one line each: "listens on 5000, PORT is ignored". */
  notes: readonly string[];
  /** What of its artifact is not on this machine, so that it could not start; left out: nothing is known to lack. */
  lacks?: readonly ArtifactPart[];
};

export type ArtifactPart = 'tree' | 'layer' | 'image';

export type ObservedState = {
  protocol: number;
  bootId: string;
  /** The version of the desired state that was last applied whole. */
  desiredVersion: number;
  /** The router's snapshot generation that was last acknowledged. */
  routeGeneration: number;
  instances: readonly ObservedInstance[];
};

export const incidents = [
  'crashed',
  'restarted',
  'out-of-memory',
  'healthy',
  /** It was refused something: processes, open files; or its output was dropped. */
  'limit-reached',
  /** It crashes again and again. */
  'crash-loop',
  'unhealthy',
  /** Some of its health probes fail, now and again. */
  'flapping',
  'disk-warning',
  'disk-limit',
  'disk-freed',
] as const;
export type Incident = (typeof incidents)[number];

/** One line of the agent's event stream: the first is the whole state, then what changed. */
export type AgentEvent =
  | { type: 'state'; state: ObservedState }
  | { type: 'instance'; instance: ObservedInstance }
  | { type: 'instance-gone'; id: InstanceId; setId: InstanceSetId; appId: AppId }
  | {
      type: 'incident';
      appId: AppId;
      /** null: it is about the app as a whole. */
      instanceId: InstanceId | null;
      what: Incident;
      reason: string;
      atMs: number;
    };
