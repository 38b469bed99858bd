// What BuildKit tells of a build: protobuf messages (`moby.buildkit.v1.StatusResponse`) of which five fields are wanted; what is not known is
// skipped.
import { fieldsOf, textIn } from './wire.ts';

export type BuildStatus = {
  /** Steps: begun when neither is set. `error` '' when there is none. */
  steps: readonly {
    digest: string;
    name: string;
    isCached: boolean;
    isStarted: boolean;
    isDone: boolean;
    error: string;
  }[];
  /** What steps wrote, in pieces that end anywhere. */
  output: readonly { step: string; bytes: Buffer }[];
};

/** null: not such a message. */
export function readBuildStatus(bytes: Buffer): BuildStatus | null {
  const fields = fieldsOf(bytes);
  if (fields === null) return null;
  const steps: BuildStatus['steps'][number][] = [];
  const output: BuildStatus['output'][number][] = [];
  for (const { number, value } of fields) {
    if (!Buffer.isBuffer(value) || (number !== 1 && number !== 3)) continue;
    const inner = fieldsOf(value);
    if (inner === null) return null;
    const get = (wanted: number) => inner.findLast((one) => one.number === wanted)?.value;
    const text = (wanted: number) => textIn(inner, wanted);
    if (number === 1)
      steps.push({
        ...{ digest: text(1), name: text(3), isCached: get(4) === 1n },
        ...{ isStarted: get(5) !== undefined, isDone: get(6) !== undefined, error: text(7) },
      });
    else {
      const written = get(4);
      if (Buffer.isBuffer(written)) output.push({ step: text(1), bytes: written });
    }
  }
  return { steps, output };
}
