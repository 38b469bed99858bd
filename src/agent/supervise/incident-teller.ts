// An incident is told twice: to whoever listens to the agent (control writes it into the ledger), and as a line in the app's
// own log, between the lines that led to it.
import type { Incident } from '../../domain/observed.ts';
import type { InstanceView } from '../desired/converge.ts';
import { messageOf } from './exit-reason.ts';
import type { InstanceOutput } from './instance-output.ts';
import type { InstanceParts } from './instance-parts.ts';

export type IncidentTeller = (what: Incident, reason: string) => void;

export function incidentTeller(
  parts: Pick<InstanceParts, 'emit' | 'logOf' | 'nowMs' | 'warn'>,
  { appId, id, type }: Pick<InstanceView, 'appId' | 'id' | 'type'>,
  output: InstanceOutput,
): IncidentTeller {
  return (what, reason) => {
    parts.emit({ type: 'incident', appId, instanceId: id, what, reason, atMs: parts.nowMs() });
    void parts
      .logOf(appId)
      .then((log) => output.remark(log, `${type} ${what}: ${reason}`))
      .catch((error: unknown) => parts.warn('the log cannot be opened', { appId, error: messageOf(error) }));
  };
}
