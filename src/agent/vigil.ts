// Calls that may take as long as they need (an upload, a job, the events), as long as the agent answers somebody. A process
// that is frozen keeps its connections open and says nothing for ever: while such calls are under way the agent is asked for a
// sign of life now and then, and when none has come for a while all of them end as `agent-away`.
import { request } from '../lib/http.ts';

export type VigilTimes = {
  /** Between two questions. */
  askMs: number;
  /** Without a sign of life for so long: it is away. */
  silentMs: number;
};
export const vigilTimes: VigilTimes = { askMs: 5000, silentMs: 30_000 };

export class Vigil {
  readonly #socketPath: string;
  readonly #times: VigilTimes;
  readonly #calls = new Set<(error: Error) => void>();
  #timer: NodeJS.Timeout | null = null;
  #heardAt = 0;

  constructor(socketPath: string, times: VigilTimes = vigilTimes) {
    this.#socketPath = socketPath;
    this.#times = times;
  }

  /** @param end told when there is no sign of life; what it gives ends the watch */
  over(end: (error: Error) => void): () => void {
    if (this.#calls.size === 0) this.#heardAt = performance.now();
    this.#calls.add(end);
    this.#timer ??= setInterval(() => void this.#ask(), this.#times.askMs).unref();
    return () => {
      this.#calls.delete(end);
      if (this.#calls.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  async #ask(): Promise<void> {
    if (await this.#isAlive()) {
      this.#heardAt = performance.now();
      return;
    }
    const silentMs = performance.now() - this.#heardAt;
    if (silentMs < this.#times.silentMs) return;
    const error = new Error(`no sign of life for ${Math.round(silentMs / 1000)} s`);
    for (const end of [...this.#calls]) end(error);
  }

  /** Any answer is one. */
  #isAlive(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request({ socketPath: this.#socketPath, path: '/v1/alive', agent: false }, (answer) => {
        answer.resume();
        resolve(true);
      });
      asked.setTimeout(this.#times.askMs, () => asked.destroy());
      asked.once('error', () => resolve(false));
      asked.once('close', () => resolve(false));
      asked.end();
    });
  }
}
