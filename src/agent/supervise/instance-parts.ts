// What an instance's life touches besides itself, as one narrow record.
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import type { AgentEvent } from '../../domain/observed.ts';
import { drainMs, type InstanceView } from '../desired/converge.ts';
import type { DiskLevel } from '../disk/disk-level.ts';
import type { HomeFolders } from '../folders.ts';
import type { AppLog } from '../logs/app-log.ts';
import type { ContainerStart } from '../runtimes/docker/container-spec.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { InstanceRecord, RecordFiles } from './instance-record.ts';

export type Timings = {
  /** What is under way at an instance that was switched away from gets so long before it is stopped. */
  drainMs: number;
  /** Between SIGTERM and SIGKILL. */
  stopGraceMs: number;
  /** Between two looks at a healthy instance. */
  probeMs: number;
  /** So many probes in a row must fail before it counts as unhealthy. */
  probeFailures: number;
};
export const defaultTimings: Timings = { drainMs, stopGraceMs: 30_000, probeMs: 10_000, probeFailures: 3 };

/** What a start needs beyond the instance itself. */
export type Prepared = {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  port: number | null;
  /** Left out: it is no container. */
  container?: ContainerStart;
};

export type InstanceParts = {
  folders: HomeFolders;
  runtime: Runtime;
  /** The runtime of what is an image. */
  containers: Runtime;
  records: RecordFiles;
  timings: Timings;
  kernelBoot: string;
  /** Never jumps: what is waited for and measured. */
  nowMs(): number;
  /** What stands in logs. */
  wallMs(): number;
  logOf(appId: InstanceView['appId']): Promise<AppLog>;
  /** From a set to a command; also checks that tree and layer are there. */
  prepare(app: DesiredApp, set: DesiredSet, view: InstanceView): Promise<Prepared>;
  emit(event: AgentEvent): void;
  /** How much of its disk limit the app has used. */
  diskLevel(appId: InstanceView['appId']): DiskLevel;
  /** The view changed: routes and what is due may have. */
  changed(): void;
  warn(message: string, details: Record<string, unknown>): void;
};

/** What of an instance never changes: what it was made from. */
export type InstanceOrigin = Pick<
  InstanceRecord,
  'releaseLabel' | 'treeId' | 'layerKey' | 'builtKey' | 'image' | 'limits'
>;
