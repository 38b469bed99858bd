// What an instance writes: into the app's log, and its last lines kept at hand for the story of a failure.
import type { InstanceId } from '../../domain/ids.ts';
import type { AppLog } from '../logs/app-log.ts';
import type { OutputSink } from '../runtimes/runtime.ts';

const [tailLines, tailLineChars] = [50, 4096];

type Source = { instanceId: InstanceId; type: string; release: string };

export class InstanceOutput {
  readonly #source: Source;
  readonly #nowMs: () => number;
  #tail: string[] = [];
  #droppedBytes = 0;

  constructor(source: Source, nowMs: () => number) {
    this.#source = source;
    this.#nowMs = nowMs;
  }

  /** The last lines of this run, at most 50. */
  get tail(): string[] {
    return [...this.#tail];
  }

  /** How much was dropped since the last call. */
  takeDropped(): number {
    const bytes = this.#droppedBytes;
    this.#droppedBytes = 0;
    return bytes;
  }

  /** A new run begins. */
  clear(): void {
    this.#tail = [];
  }

  /** Takes the tail from what the log has of earlier runs of the agent: of many instances at once, at its start. */
  async recall(log: AppLog): Promise<void> {
    const past = await log.recent(tailLines, this.#source.instanceId);
    this.#tail = past.map(({ line }) => line);
  }

  /** Where a runtime puts lines. What it dropped is told before the next line. */
  sink(log: AppLog): OutputSink {
    let droppedBytes = 0;
    return {
      line: (text) => {
        if (droppedBytes > 0) this.#say(log, `${droppedBytes} bytes dropped`);
        droppedBytes = 0;
        this.#tail.push(text.slice(0, tailLineChars));
        if (this.#tail.length > tailLines) this.#tail.shift();
        this.#say(log, text);
      },
      dropped: (bytes) => {
        droppedBytes += bytes;
        this.#droppedBytes += bytes;
      },
    };
  }

  /** A line of the platform's own about the instance. */
  remark(log: AppLog, line: string): void {
    log.append({ atMs: this.#nowMs(), ...this.#source, type: 'lockstep', line });
  }

  #say(log: AppLog, line: string): void {
    log.append({ atMs: this.#nowMs(), ...this.#source, line });
  }
}
