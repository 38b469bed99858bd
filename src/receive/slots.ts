// How many gits are at work at once: a number for each repository, so that one that is asked for by many holds up no other, and
// one for all together. Who comes when all are taken waits for a while and is then told to come again. Nobody who waits for the
// second number holds a place that others of another repository wait for.
import { fail } from '../domain/errors.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { type SlotKind, type SlotLimits, slotLimits } from './limits.ts';
import type { GitRoute } from './routes.ts';

export class GitSlots {
  readonly #limits: SlotLimits;
  readonly #together: Readonly<Record<SlotKind, Semaphore>>;
  readonly #ofOne = new Map<string, { slots: Semaphore; users: number }>();

  constructor(limits: SlotLimits = slotLimits) {
    this.#limits = limits;
    this.#together = {
      'git-upload-pack': new Semaphore(limits.together['git-upload-pack']),
      'git-receive-pack': new Semaphore(limits.together['git-receive-pack']),
      'advertise-push': new Semaphore(limits.together['advertise-push']),
    };
  }

  /**
   * A place, to be given back by `using`.
   * @throws busy when there is none in time; the signal's reason when that comes first
   */
  async take(repository: string, kind: SlotKind, signal: AbortSignal): Promise<Disposable> {
    const key = `${kind} ${repository}`;
    const own = this.#ofOne.get(key) ?? { slots: new Semaphore(this.#limits.ofOne[kind]), users: 0 };
    if (own.slots.waiting >= this.#limits.waiting) throw busy();
    this.#ofOne.set(key, own);
    own.users += 1;
    const leave = (): void => {
      own.users -= 1;
      if (own.users === 0) this.#ofOne.delete(key);
    };
    const together = this.#together[kind];
    // The usual case waits for nothing and needs no timer.
    const late = own.slots.isBusy || together.isBusy ? AbortSignal.timeout(this.#limits.waitMs) : null;
    const until = late === null ? signal : AbortSignal.any([signal, late]);
    using held = new DisposableStack();
    held.defer(leave);
    try {
      held.use(await own.slots.take(until));
      held.use(await together.take(until));
    } catch (error) {
      if (signal.aborted || !late?.aborted) throw error;
      throw busy();
    }
    return held.move();
  }
}

/** For what of the three a request makes a git work. */
export function slotKindOf({ service, step }: Pick<GitRoute, 'service' | 'step'>): SlotKind {
  return service === 'git-receive-pack' && step === 'advertise' ? 'advertise-push' : service;
}

function busy() {
  return fail('busy', 'too many clones and pushes are under way at once', { advice: 'Try again in a minute.' });
}
