// A log of one JSON object a line, written where a descriptor leads. A line for which there is no room or no reader is lost
// and counted, and nothing else: the stream that Node keeps for stdout ends for good at the first error of a full disk.
import { writeSync } from 'node:fs';

export type LineLog = (line: object) => void;

/** @param from who speaks; stands in every line beside the moment */
export function lineLog(descriptor: number, from: string): LineLog {
  let lost = 0;
  return (line) => {
    const at = new Date().toISOString();
    try {
      if (lost > 0)
        writeSync(descriptor, `${JSON.stringify({ at, from, level: 'warn', message: `${lost} lines lost` })}\n`);
      lost = 0;
      writeSync(descriptor, `${JSON.stringify({ at, from, ...line })}\n`);
    } catch {
      lost += 1;
    }
  };
}
