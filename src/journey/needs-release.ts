// The candidate's own instance, as far as checks ask for it: its address, and a gate that does without.
import { fail } from '../domain/errors.ts';
import type { CheckResult } from '../domain/gate.ts';
import type { CheckCommand, GateSettings } from '../domain/gate-settings.ts';
import type { Candidate } from './candidate.ts';
import type { World } from './world.ts';

/** The gate without what runs against the candidate's instance; the same one when nothing does. */
export function withoutRelease(gate: GateSettings): GateSettings {
  const asks = (one: 'off' | CheckCommand | undefined): boolean => typeof one === 'object' && one.needsRelease;
  if (![...Object.values(gate.custom), ...Object.values(gate.builtIn)].some(asks)) return gate;
  const custom = Object.entries(gate.custom).filter(([, one]) => !asks(one));
  const builtIn = Object.entries(gate.builtIn).map(([name, one]) => [name, asks(one) ? 'off' : one]);
  return { ...gate, custom: Object.fromEntries(custom), builtIn: Object.fromEntries(builtIn) };
}

/** Where the candidate's own instance answers, once it does. @throws cancelled when it does not start */
export async function addressOf(
  world: World,
  { release }: Candidate,
  booted: Promise<CheckResult>,
  stop: AbortSignal,
): Promise<string> {
  const stopped = Promise.withResolvers<never>();
  const end = () => stopped.reject(fail('cancelled', 'cancelled'));
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  const { outcome } = await Promise.race([booted, stopped.promise]).finally(() =>
    stop.removeEventListener('abort', end),
  );
  const web = world.observations.ofSet(release.setId).find((one) => one.type === 'web' && one.port !== null);
  if (outcome !== 'passed' || !web) throw fail('cancelled', 'the candidate did not start');
  return `http://127.0.0.1:${web.port}`;
}
