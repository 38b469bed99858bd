// Which checks of an app the agent has been told to start ahead, and by which ids: when a gate ends, the checks that just ran
// will run again on the next tree, and their programs can have begun by then. All of it is a hint: an agent that has no such
// program starts the job as any other, and a control that starts anew has forgotten. Nothing is waited for here.

import type { Agent } from '../domain/agent.ts';
import { longestAheadMs, mayBeAhead, mostAhead, workOf } from '../domain/ahead.ts';
import type { AppId, JobId } from '../domain/ids.ts';
import type { JobSpec } from '../domain/job.ts';
import { newId } from './new-id.ts';

type Ran = { name: string; spec: JobSpec };
type Told = { ids: Map<string, JobId>; atMs: number };

/** Apps of which something is remembered; the agent has room for fewer. */
const mostApps = 16;

export class JobsAhead {
  readonly #agent: Pick<Agent, 'startAhead'> | null;
  /** By the work, for each app. */
  readonly #ran = new Map<AppId, Map<string, Ran>>();
  readonly #told = new Map<AppId, Told>();

  /** @param agent null: nothing is ever started ahead */
  constructor(agent: Pick<Agent, 'startAhead'> | null) {
    this.#agent = agent;
  }

  /** The job of the check of this name is about to be sent: under the id by which the agent knows its program, when it is the same work. */
  sent(spec: JobSpec, name: string): JobSpec {
    if (this.#agent === null || !mayBeAhead(spec)) return spec;
    const work = workOf(spec);
    const ran = this.#ran.get(spec.appId) ?? new Map<string, Ran>();
    this.#ran.set(spec.appId, ran.set(work, { name, spec }));
    const told = this.#told.get(spec.appId);
    const id = told?.ids.get(work);
    if (told === undefined || id === undefined) return spec;
    told.ids.delete(work);
    return performance.now() - told.atMs < longestAheadMs ? { ...spec, id } : spec;
  }

  /** The app's gate has ended: what could be started ahead in it, will be, those first that usually take longest. */
  again(appId: AppId, usualMs: (name: string) => number): void {
    const ran = [...(this.#ran.get(appId)?.entries() ?? [])];
    this.#ran.delete(appId);
    if (this.#agent === null || ran.length === 0) return;
    const chosen = ran
      .map(([work, { name, spec }]) => ({ work, usual: usualMs(name), spec: { ...spec, id: newId('job') } }))
      .sort((one, other) => other.usual - one.usual)
      .slice(0, mostAhead);
    this.#told.delete(appId);
    this.#told.set(appId, { ids: new Map(chosen.map(({ work, spec }) => [work, spec.id])), atMs: performance.now() });
    for (const one of [...this.#told.keys()].slice(0, -mostApps)) this.#told.delete(one);
    // The agent of an earlier version, or none: no program waits.
    void this.#agent.startAhead(chosen.map(({ spec }) => spec)).catch(() => {});
  }

  forget(appId: AppId): void {
    this.#ran.delete(appId);
    this.#told.delete(appId);
  }
}
