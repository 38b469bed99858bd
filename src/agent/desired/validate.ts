// Unknown -> DesiredState, at the agent's door. Every problem is reported at once with its path; values are never shown,
// for the document holds config.
import { z } from 'zod';
import { agentProtocol, type DesiredState } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import { type IdPrefix, parseId } from '../../domain/ids.ts';
import { processTypePattern } from '../../domain/plan.ts';

const id = (prefix: IdPrefix) =>
  z.string().refine((text) => parseId(prefix, text) !== null, `not an id of the form ${prefix}_…`);
const count = z.number().int().min(0);
const uid = z.number().int().min(0).nullable();
const strings = z.record(z.string(), z.string());
const command = z.union([
  z.strictObject({ argv: z.array(z.string()).min(1) }),
  z.strictObject({ shell: z.string().min(1) }),
]);
const set = z.object({
  id: id('set'),
  releaseId: id('rel'),
  releaseLabel: z.string().min(1),
  stage: z.enum(['candidate', 'live']),
  artifact: z.object({
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    treeId: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/),
    layerKey: z.string().nullable(),
  }),
  processes: z.array(z.object({ type: z.string().regex(processTypePattern), count, command, env: strings })),
  health: z.object({
    path: z.string().regex(/^\/[\x21-\x7e]*$/),
    timeoutMs: z.number().int().positive(),
    host: z.string().regex(/^[\x21-\x7e]+$/),
    acceptServerErrors: z.boolean(),
  }),
  limits: z.object({ memoryBytes: count, cpus: z.number().positive().nullable(), pids: count, diskBytes: count }),
  volumes: strings,
});
const app = z.object({
  liveUid: uid,
  gateUid: uid,
  gid: uid,
  id: id('app'),
  teamId: id('tea'),
  name: z.string().regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  hosts: z.array(z.string().min(1)),
  routed: id('set').nullable(),
  concurrency: z.number().int().positive(),
  sets: z.array(set),
});
const document = z.object({
  protocol: z.number().int(),
  version: count,
  nodeId: id('nod'),
  platformHosts: z.array(z.string().min(1)),
  apps: z.array(app),
});

/**
 * Parses a document. `newerThan` is the version that the agent holds (null: none): the same one again is fine.
 * @throws bad-request for another protocol or form, conflict for an older version
 */
export function parseDesiredState(value: unknown, newerThan: number | null = null): DesiredState {
  const protocol = (value as { protocol?: unknown } | null)?.protocol;
  if (typeof protocol === 'number' && protocol !== agentProtocol) {
    throw fail('bad-request', `the desired state speaks protocol ${protocol}, this agent ${agentProtocol}`, {
      advice: 'Restart control and agent from the same version of Lockstep.',
    });
  }
  const parsed = document.safeParse(value);
  if (!parsed.success)
    throw refused(parsed.error.issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`));
  const state = parsed.data as unknown as DesiredState;
  const problems = contradictions(state);
  if (problems.length > 0) throw refused(problems);
  if (newerThan !== null && state.version < newerThan) {
    throw fail('conflict', `the desired state has version ${state.version}, the agent holds ${newerThan}`, {
      advice: 'Read the present state and send a newer document.',
    });
  }
  return state;
}

function refused(problems: readonly string[]) {
  return fail('bad-request', `the desired state is refused: ${problems.slice(0, 5).join('; ')}`, {
    details: { problems },
  });
}

function contradictions(state: DesiredState): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  const once = (kind: string, key: string) => {
    if (seen.has(`${kind} ${key}`)) problems.push(`${kind} ${key} is there twice`);
    seen.add(`${kind} ${key}`);
  };
  for (const host of state.platformHosts) once('host', host);
  for (const one of state.apps) {
    once('app', one.id);
    for (const host of one.hosts) once('host', host);
    for (const { id: setId, processes } of one.sets) {
      once('set', setId);
      for (const { type } of processes) once('process', `${setId}/${type}`);
    }
    if (one.routed !== null && !one.sets.some((each) => each.id === one.routed))
      problems.push(`app ${one.id}: the routed set ${one.routed} is not in the document`);
  }
  return problems;
}
