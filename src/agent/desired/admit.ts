// How many starts may be under way at once. After a reboot every app of the machine is to be started: all together, they
// take each other's processor and miss their health limits. So what is routed goes first and the rest waits for its turn.
// A candidate never waits: somebody does for it. Pure: what is held back is simply not done, and is asked for again.
import type { DesiredState } from '../../domain/desired.ts';
import type { Action, InstanceView } from './converge.ts';

/** A start that takes longer waits rather than works, and gives its place to the next. */
export const startShareMs = 10_000;

/** The actions without the starts beyond `most` under way, and how many those are. */
export function admit(
  actions: readonly Action[],
  desired: DesiredState,
  instances: readonly InstanceView[],
  most: number,
  nowMs: number,
): { now: Action[]; heldBack: number } {
  if (!actions.some((one) => one.do === 'start')) return { now: [...actions], heldBack: 0 };
  const isUnderWay = (one: InstanceView) => one.state === 'starting' && nowMs - one.sinceMs < startShareMs;
  const routed = new Set(desired.apps.map((app) => app.routed));
  const candidates = new Set(
    desired.apps.flatMap(({ sets }) => sets.flatMap(({ id, stage }) => (stage === 'candidate' ? [id] : []))),
  );
  const ofCandidates: Action[] = [];
  const waiting: (Action & { do: 'start' })[] = [];
  const rest: Action[] = [];
  for (const one of actions)
    if (one.do !== 'start') rest.push(one);
    else if (candidates.has(one.setId)) ofCandidates.push(one);
    else waiting.push(one);
  const room = Math.max(0, most - instances.filter(isUnderWay).length - ofCandidates.length);
  const rank = ({ setId, type }: (typeof waiting)[number]) => (!routed.has(setId) ? 2 : type === 'web' ? 0 : 1);
  waiting.sort((a, b) => rank(a) - rank(b));
  return { now: [...rest, ...ofCandidates, ...waiting.slice(0, room)], heldBack: Math.max(0, waiting.length - room) };
}
