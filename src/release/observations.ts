// The agent's world as control last heard of it: the whole state first, then what changed. A wait here is a subscription:
// nobody polls. While the agent is away the picture is kept and marked old.
import type { AppId, InstanceId, InstanceSetId } from '../domain/ids.ts';
import type { AgentEvent, ObservedInstance, ObservedState } from '../domain/observed.ts';

type Watch = () => void;

export class Observations {
  #instances = new Map<InstanceId, ObservedInstance>();
  #watches = new Set<Watch>();
  /** null until the agent has been heard. */
  agent: Pick<ObservedState, 'bootId' | 'desiredVersion' | 'routeGeneration'> | null = null;
  isConnected = false;
  /** It was heard, and is away now: the picture is old. */
  isLost = false;

  take(event: AgentEvent): void {
    if (event.type === 'state') {
      this.#instances = new Map(event.state.instances.map((one) => [one.id, one]));
      const { bootId, desiredVersion, routeGeneration } = event.state;
      this.agent = { bootId, desiredVersion, routeGeneration };
      this.isConnected = true;
      this.isLost = false;
    } else if (event.type === 'instance') this.#instances.set(event.instance.id, event.instance);
    else if (event.type === 'instance-gone') this.#instances.delete(event.id);
    this.#announce();
  }

  lost(): void {
    this.isLost ||= this.isConnected;
    this.isConnected = false;
    this.#announce();
  }

  ofApp(id: AppId): ObservedInstance[] {
    return [...this.#instances.values()].filter((one) => one.appId === id).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  ofSet(id: InstanceSetId): ObservedInstance[] {
    return [...this.#instances.values()].filter((one) => one.setId === id);
  }

  /** Resolves with the first answer of `look` that is not null; rejects with the signal's reason. */
  waitFor<T>(look: () => T | null, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#watches.delete(watch);
        signal.removeEventListener('abort', stop);
      };
      const stop = (): void => {
        done();
        reject(signal.reason);
      };
      const watch: Watch = () => {
        const found = look();
        if (found === null) return;
        done();
        resolve(found);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      this.#watches.add(watch);
      watch();
    });
  }

  #announce(): void {
    for (const watch of [...this.#watches]) watch();
  }
}
