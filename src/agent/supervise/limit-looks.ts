// Looks at what the instances run into, in turn: every second as many as ten milliseconds allow, so that a thousand
// instances cost what fifty do, and each has its turn.

import { seen } from '../../lib/descriptors.ts';

export type Looked = { look(): void };

export const [lookEveryMs, lookMs] = [1000, 10];

export class LimitLooks<T extends Looked> {
  readonly #all: () => Iterable<T>;
  readonly #nowMs: () => number;
  #round: T[] = [];

  constructor(all: () => Iterable<T>, nowMs: () => number = () => performance.now()) {
    this.#all = all;
    this.#nowMs = nowMs;
  }

  /** One turn. At least one instance is looked at, none twice. */
  turn(): void {
    const untilMs = this.#nowMs() + lookMs;
    if (this.#round.length === 0) this.#round = [...this.#all()].reverse();
    do if (seen(() => this.#round.pop()?.look()) === null) break;
    while (this.#round.length > 0 && this.#nowMs() < untilMs);
  }
}
