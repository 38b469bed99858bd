// The order of a promotion, from the last question before main moves to the word that it is done. Each step is a parameter,
// so the order stands here alone. Main's compare-and-swap is the commit point: whatever ends this before it has changed
// nothing, and whatever ends it after it is finished at the next start (`recover` in the journey).
import { failpoint } from '../lib/failpoint.ts';

export type PromoteSteps = {
  /** Throws `agent-away` or `router-away` when one of them does not answer now: the switch could not follow. */
  ensureFresh(): Promise<void>;
  /** True when the client that asked has gone: then nothing lands. */
  isAbandoned(): boolean;
  /** Durable proof that this candidate passed. False: the change ended in between. */
  persistPassed(): boolean;
  advance(): Promise<'advanced' | 'moved'>;
  /** Resolves when the router serves the new set. */
  switchRoute(): Promise<void>;
  persistLanded(): Promise<void> | void;
  /** Told of each moment as it passes. */
  moment(name: 'stored' | 'fresh' | 'advanced' | 'switched' | 'landed'): void;
};

export type PromoteEnd = 'landed' | 'moved' | 'abandoned' | 'ended';

export async function promote(steps: PromoteSteps): Promise<PromoteEnd> {
  if (steps.isAbandoned()) return 'abandoned';
  if (!steps.persistPassed()) return 'ended';
  steps.moment('stored');
  await failpoint('control.before-advance');
  await steps.ensureFresh();
  steps.moment('fresh');
  // The last look: between here and the compare-and-swap there is nothing that waits.
  if (steps.isAbandoned()) return 'abandoned';
  if ((await steps.advance()) === 'moved') return 'moved';
  steps.moment('advanced');
  await failpoint('control.after-advance');
  await steps.switchRoute();
  steps.moment('switched');
  await steps.persistLanded();
  steps.moment('landed');
  return 'landed';
}
