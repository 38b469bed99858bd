// Unknown -> DesiredState, at the agent's door. Every problem is reported at once with its path; values are never shown,
// for the document holds config.
import { z } from 'zod';
import { agentProtocol, type DesiredApp, type DesiredState } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import { type IdPrefix, parseId, parseImageId } from '../../domain/ids.ts';
import { processTypePattern } from '../../domain/plan.ts';
import { type Placed, patched, readPatch, sameList } from '../../lib/list-patch.ts';
import { readList } from '../../lib/list-text.ts';

const id = (prefix: IdPrefix) =>
  z.string().refine((text) => parseId(prefix, text) !== null, `not an id of the form ${prefix}_…`);
const count = z.number().int().min(0);
const uid = z.number().int().min(0).nullable();
const strings = z.record(z.string(), z.string());
const command = z.union([
  z.strictObject({ argv: z.array(z.string()).min(1) }),
  z.strictObject({ shell: z.string().min(1) }),
]);
const image = z.object({
  id: z.string().refine((text) => parseImageId(text) !== null, 'not an id of the form sha256:…'),
  ports: z.array(z.number().int().min(1).max(65_535)).max(100),
  hasOwnCommand: z.boolean(),
  isGenerated: z.boolean(),
});
const artifact = z.object({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  treeId: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/),
  layerKey: z.string().nullable(),
  builtKey: z.string().nullable().optional(),
  image: image.nullable().optional(),
});
const set = z
  .object({
    id: id('set'),
    releaseId: id('rel'),
    releaseLabel: z.string().min(1),
    stage: z.enum(['candidate', 'live']),
    artifact,
    processes: z.array(
      z.object({ type: z.string().regex(processTypePattern), count, command: command.nullable(), env: strings }),
    ),
    health: z.object({
      path: z.string().regex(/^\/[\x21-\x7e]*$/),
      timeoutMs: z.number().int().positive(),
      host: z.string().regex(/^[\x21-\x7e]+$/),
      acceptServerErrors: z.boolean(),
    }),
    limits: z.object({ memoryBytes: count, cpus: z.number().positive().nullable(), pids: count, diskBytes: count }),
    volumes: strings,
  })
  .superRefine(({ artifact: its, processes }, context) => {
    for (const message of imageProblems(its, processes)) context.addIssue({ code: 'custom', message });
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
const head = z.object({
  protocol: z.number().int(),
  version: count,
  nodeId: id('nod'),
  platformHosts: z.array(z.string().min(1)),
});
const document = head.extend({ apps: z.array(app) });

/** What of a set cannot be together. */
function imageProblems(
  { image: its, layerKey, builtKey }: z.infer<typeof artifact>,
  processes: readonly { type: string; command: unknown }[],
): string[] {
  const own = processes.filter((one) => one.command === null).map(({ type }) => type);
  const hasOwn = its?.hasOwnCommand ?? false;
  return [
    ...(its && (layerKey !== null || builtKey) ? ['artifact: an image has no layers beside it'] : []),
    ...(own.length > 0 && !hasOwn ? [`processes ${own.join(', ')}: no command, and no image that has its own`] : []),
  ];
}

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
  return agreed(parsed.data as unknown as DesiredState, newerThan);
}

/**
 * The same for the text of a document, again and again: an app whose text is that of the last document is not parsed again, and
 * is the same object. So a change of one app among a thousand costs about as much as a change of the only one.
 */
export function desiredReader(): (text: string, newerThan: number | null) => DesiredState {
  const read = readList('apps', (value) => (app.safeParse(value).data ?? null) as DesiredApp | null);
  return (text, newerThan) => {
    const list = read(text);
    const parsed = list && head.safeParse(list.head);
    if (list && parsed?.success && parsed.data.protocol === agentProtocol)
      return agreed({ ...parsed.data, apps: list.items } as unknown as DesiredState, newerThan);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw fail('bad-request', 'The body is not JSON');
    }
    return parseDesiredState(value, newerThan);
  };
}

/** @throws bad-request when the text is no change of `present` (`lib/list-patch.ts`), conflict when it makes it older */
export function patchDesiredState(present: DesiredState, text: string): DesiredState {
  const patch = readPatch(text);
  const { apps: _apps, ...before } = present;
  const said = patch && { ...before, ...patch.head };
  // A thousand hosts that are those of the present one have been looked at.
  const hosts = sameList(present.platformHosts, said?.platformHosts);
  const first = head.safeParse(hosts === null ? said : { ...said, platformHosts: [] });
  const changed: Placed<DesiredApp>[] = [];
  const problems = first.success ? [] : problemsOf('head', first.error);
  for (const [at, value] of patch?.items ?? []) {
    const one = app.safeParse(value);
    if (one.success) changed.push([at, one.data as unknown as DesiredApp]);
    else problems.push(...problemsOf(`apps.${at}`, one.error));
  }
  if (problems.length > 0) throw refused(problems);
  const apps = patched(present.apps, changed);
  if (patch === null || apps === null || first.data!.protocol !== agentProtocol)
    throw refused(['it is no change of the present one']);
  const next = { ...first.data, ...(hosts && { platformHosts: hosts }), apps } as unknown as DesiredState;
  return agreed(next, present.version, contradictionsBetween(present, next, changed));
}

const problemsOf = (place: string, { issues }: z.ZodError): string[] =>
  issues.map((issue) => `${[place, ...issue.path].join('.')}: ${issue.message}`);

function agreed(
  state: DesiredState,
  newerThan: number | null,
  problems: readonly string[] = contradictions(state),
): DesiredState {
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

/** The same questions; where apps have kept their names, only those about the sets of what has changed are open. */
function contradictionsBetween(
  present: DesiredState,
  next: DesiredState,
  changed: readonly Placed<DesiredApp>[],
): string[] {
  const isNamed = (one: DesiredApp, other: DesiredApp) => one.id === other.id && isSame(one.hosts, other.hosts);
  const areNamesKept =
    present.platformHosts === next.platformHosts && changed.every(([at, one]) => isNamed(one, present.apps[at]!));
  if (!areNamesKept) return contradictions(next);
  const apps = changed.map(([, one]) => one);
  // What was its own before is no other app's.
  const wanted = new Set<string>();
  for (const [at, { sets }] of changed)
    for (const { id: setId } of sets) if (!present.apps[at]!.sets.some((one) => one.id === setId)) wanted.add(setId);
  const isOther = (one: DesiredApp) => one.sets.some(({ id: setId }) => wanted.has(setId)) && !apps.includes(one);
  const others = wanted.size === 0 ? [] : next.apps.filter(isOther);
  return contradictions({ ...next, apps: [...apps, ...others] });
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, at) => text === other[at]);

function contradictions(state: DesiredState): string[] {
  const problems: string[] = [];
  const once = (kind: string, seen: Set<string>, key: string) => {
    if (seen.has(key)) problems.push(`${kind} ${key} is there twice`);
    seen.add(key);
  };
  const [hosts, apps, sets] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const host of state.platformHosts) once('host', hosts, host);
  for (const one of state.apps) {
    once('app', apps, one.id);
    for (const host of one.hosts) once('host', hosts, host);
    for (const { id: setId, processes } of one.sets) {
      once('set', sets, setId);
      const types = new Set<string>();
      for (const { type } of processes) once(`process of ${setId}:`, types, type);
    }
    if (one.routed !== null && !one.sets.some((each) => each.id === one.routed))
      problems.push(`app ${one.id}: the routed set ${one.routed} is not in the document`);
  }
  return problems;
}
