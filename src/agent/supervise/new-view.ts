// What is known of an instance before its first start: what will change, and what it is made from.
import { randomBytes } from 'node:crypto';
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { makeId } from '../../domain/ids.ts';
import type { InstanceView } from '../desired/converge.ts';
import type { InstanceOrigin } from './instance-parts.ts';

export function newView(app: DesiredApp, set: DesiredSet, type: string, nowMs: number): InstanceView {
  return {
    id: makeId('ins', nowMs, randomBytes(16)),
    setId: set.id,
    appId: app.id,
    releaseId: set.releaseId,
    type,
    state: 'starting',
    pid: null,
    startTicks: null,
    port: null,
    restarts: 0,
    startedAtMs: nowMs,
    healthyAtMs: null,
    healthStatus: null,
    reason: null,
    logTail: [],
    notes: [],
    stage: set.stage,
    wasRouted: false,
    sinceMs: nowMs,
  };
}

export function originOf({ releaseLabel, artifact, limits }: DesiredSet): InstanceOrigin {
  const { treeId, layerKey, builtKey = null, image } = artifact;
  return { releaseLabel, treeId, layerKey, builtKey, image: image?.id ?? null, limits };
}
