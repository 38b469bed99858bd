// What is known of an instance: kept in its record, then announced; so the next agent knows what anybody has heard.
import type { ObservedInstance } from '../../domain/observed.ts';
import { ToldRarely } from '../../lib/told-rarely.ts';
import { type InstanceView, observedOf } from '../desired/converge.ts';
import { messageOf } from './exit-reason.ts';
import type { InstanceOrigin, InstanceParts } from './instance-parts.ts';
import type { InstanceRecord } from './instance-record.ts';

export type InstanceStateParts = Pick<
  InstanceParts,
  'records' | 'kernelBoot' | 'nowMs' | 'emit' | 'changed' | 'warn'
> & {
  /** What it runs into just now, in words. */
  notes(): string[];
};

export class InstanceState {
  readonly view: InstanceView;
  readonly origin: InstanceOrigin;
  address = '127.0.0.1';
  /** Between record and process: whether anything began to run is not known. */
  isLaunching = false;
  readonly #parts: InstanceStateParts;
  #isGone = false;
  /** The record says less than is known: it could not be written. */
  #isBehind = false;
  readonly #told = new ToldRarely();

  constructor(parts: InstanceStateParts, view: InstanceView, origin: InstanceOrigin) {
    this.#parts = parts;
    this.view = view;
    this.origin = origin;
  }

  /** What the outside sees. */
  observed(): ObservedInstance {
    const observed = observedOf(this.view);
    const host = this.address === '127.0.0.1' ? {} : { host: this.address };
    return { ...observed, ...host, notes: [...observed.notes, ...this.#parts.notes()] };
  }

  /** Changes the view, keeps it, tells it. */
  change(patch: Partial<InstanceView>): void {
    if (this.#isGone) return;
    const state = patch.state;
    if (state !== undefined && state !== this.view.state) this.view.sinceMs = this.#parts.nowMs();
    Object.assign(this.view, patch);
    void this.save();
    this.#parts.emit({ type: 'instance', instance: this.observed() });
    this.#parts.changed();
  }

  /** Changes what only the agent knows: kept, and told to nobody. */
  note(patch: Partial<Pick<InstanceView, 'wasRouted' | 'sinceMs'>>): void {
    if (this.#isGone) return;
    Object.assign(this.view, patch);
    void this.save();
  }

  /** From now on no change is kept or told: its record is about to go. */
  retire(): void {
    this.#isGone = true;
  }

  /** Writes down what could not be written before; called every second or so. */
  look(): void {
    if (!this.#isBehind || this.#isGone) return;
    // One try at a time: it is behind again when that fails, too.
    this.#isBehind = false;
    void this.save();
  }

  /** Never rejects. */
  save(): Promise<void> {
    const record: InstanceRecord = {
      kernelBoot: this.#parts.kernelBoot,
      view: this.view,
      isLaunching: this.isLaunching,
      address: this.address,
      ...this.origin,
    };
    return this.#parts.records.save(record).then(
      () => {
        this.#isBehind = false;
      },
      (error: unknown) => {
        this.#isBehind = true;
        if (this.#told.isDue('record', this.#parts.nowMs()))
          this.#parts.warn('an instance record was not kept', { id: this.view.id, error: messageOf(error) });
      },
    );
  }
}
