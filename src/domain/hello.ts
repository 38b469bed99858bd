// What an agent says of itself and its machine when it is greeted: who it is, what it can run, and which limits hold here and by which means.
// A limit that nothing holds is named as such, never left out.
import type { NodeId } from './ids.ts';

export const limitNames = ['memory', 'cpu', 'processes', 'open-files', 'disk', 'network'] as const;
export type LimitName = (typeof limitNames)[number];

/**
 * `rlimit`: the kernel holds it for each process (or, for `processes`, for each user). `priority`: by nice values alone.
 * `watched`: the agent measures, and acts when it is crossed. `nothing`: it does not hold.
 */
const limitMeans = ['cgroup v1', 'cgroup v2', 'rlimit', 'priority', 'watched', 'namespace', 'nothing'] as const;
export type LimitHold = {
  limit: LimitName;
  by: (typeof limitMeans)[number];
  /** What that leaves open, or why it does not hold; null: nothing to say. */
  note: string | null;
};

/** Which promises of section 3 of the design hold on this machine. */
export type Enforcement = {
  identities: boolean;
  /** An instance never has more than its limit for longer than a moment. */
  memory: boolean;
  cpu: boolean;
  pids: boolean;
  /** What does not hold, one line each. */
  why: readonly string[];
  /** One for each limit, in the order of `limitNames`; absent: an agent of before. */
  holds?: readonly LimitHold[];
};

export type AgentHello = {
  protocol: number;
  program: string;
  bootId: string;
  pid: number;
  nodeId: NodeId;
  enforcement: Enforcement;
  /** Builds get certificates of the installation; left out: none. */
  hasCertificates?: boolean;
  /** Interpreters that an app's identity can execute. */
  interpreters: readonly { id: string; kind: 'python' | 'node' | 'go'; version: string }[];
};
