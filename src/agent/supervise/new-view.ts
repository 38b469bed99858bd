// What is known of an instance before its first start.
import { randomBytes } from 'node:crypto';
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { makeId } from '../../domain/ids.ts';
import type { InstanceView } from '../desired/converge.ts';

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
