// Which check of an app the agent has been told to start ahead, and by which id: when a gate ends, the check that just ran
// will run again on the next tree, and its program can have begun by then. All of it is a hint: an agent that has no such
// program starts the job as any other, and a control that starts anew has forgotten. Nothing is waited for here.

import type { Agent } from '../domain/agent.ts';
import { longestAheadMs, mayBeAhead, workOf } from '../domain/ahead.ts';
import type { JobSpec } from '../domain/desired.ts';
import type { AppId, JobId } from '../domain/ids.ts';
import { newId } from './world.ts';

type Told = { id: JobId; work: string; atMs: number };

/** Apps of which something is remembered; the agent has room for fewer. */
const mostApps = 16;

export class JobsAhead {
  readonly #agent: Pick<Agent, 'startAhead'> | null;
  readonly #ran = new Map<AppId, JobSpec>();
  readonly #told = new Map<AppId, Told>();

  /** @param agent null: nothing is ever started ahead */
  constructor(agent: Pick<Agent, 'startAhead'> | null) {
    this.#agent = agent;
  }

  /** A job is about to be sent: under the id by which the agent knows its program, when it is the same work. */
  sent(spec: JobSpec): JobSpec {
    if (this.#agent === null || !mayBeAhead(spec)) return spec;
    this.#ran.set(spec.appId, spec);
    const told = this.#told.get(spec.appId);
    if (told === undefined || told.work !== workOf(spec)) return spec;
    this.#told.delete(spec.appId);
    return performance.now() - told.atMs < longestAheadMs ? { ...spec, id: told.id } : spec;
  }

  /** The app's gate has ended: what could be started ahead in it, will be. */
  again(appId: AppId): void {
    const spec = this.#ran.get(appId);
    this.#ran.delete(appId);
    if (this.#agent === null || spec === undefined) return;
    const id = newId('job');
    this.#told.delete(appId);
    this.#told.set(appId, { id, work: workOf(spec), atMs: performance.now() });
    for (const one of [...this.#told.keys()].slice(0, -mostApps)) this.#told.delete(one);
    void this.#agent.startAhead({ ...spec, id }).catch(() => {}); // the agent of an earlier version, or none: no program waits
  }

  forget(appId: AppId): void {
    this.#ran.delete(appId);
    this.#told.delete(appId);
  }
}
