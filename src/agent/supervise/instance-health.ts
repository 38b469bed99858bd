// What the answers of an instance to the health check make of it.
import type { Healthy } from '../health/wait-healthy.ts';
import type { IncidentTeller } from './incident-teller.ts';
import type { InstanceState } from './instance-state.ts';

export class InstanceHealth {
  readonly #state: InstanceState;
  readonly #tell: IncidentTeller;
  readonly #outputTail: () => string[];
  readonly #nowMs: () => number;

  constructor(state: InstanceState, tell: IncidentTeller, outputTail: () => string[], nowMs: () => number) {
    this.#state = state;
    this.#tell = tell;
    this.#outputTail = outputTail;
    this.#nowMs = nowMs;
  }

  /** Its first answer, from which it counts as healthy. */
  answered(found: Healthy): void {
    this.#state.address = found.address;
    this.#state.change({
      state: 'healthy',
      healthyAtMs: this.#nowMs(),
      healthStatus: found.status,
      port: found.port,
      notes: found.notes,
      reason: null,
      // Landed all the same when it is an app's first: then its words are what the pusher needs.
      logTail: found.status >= 500 ? this.#outputTail() : [],
    });
    if (this.#state.view.restarts > 0) this.#tell('healthy', `answers ${found.status}`);
  }

  /** @param why null: it is well again */
  changed(healthStatus: number | null, why: string | null): void {
    // One that drains goes on to its end, ill or well.
    if (!['healthy', 'unhealthy'].includes(this.#state.view.state)) return;
    this.#state.change({ state: why === null ? 'healthy' : 'unhealthy', healthStatus, reason: why });
    if (why === null) this.#tell('healthy', `answers ${healthStatus} again`);
    else this.#tell('unhealthy', why);
  }
}
