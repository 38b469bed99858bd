// A log of one JSON object a line, written where a descriptor leads. A line for which there is no room or no reader is lost
// and counted, and nothing else: the stream that Node keeps for stdout ends for good at the first error of a full disk.
import { write, writeSync } from 'node:fs';

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

const mostWaiting = 1000;

/**
 * The same for who must not wait for a disk: lines are written one after the other beside the other work, and what comes while too
 * many wait is lost and counted. What still waits at the end of the process is written then.
 */
export function waitingLineLog(descriptor: number, from: string): LineLog {
  const waiting: string[] = [];
  let lost = 0;
  let isWriting = false;
  const next = (): void => {
    const text = waiting.shift();
    isWriting = text !== undefined;
    if (text === undefined) return;
    write(descriptor, text, (error) => {
      if (error !== null) lost += 1;
      next();
    });
  };
  const add = (line: object): void => {
    waiting.push(`${JSON.stringify({ at: new Date().toISOString(), from, ...line })}\n`);
    if (!isWriting) next();
  };
  process.once('exit', () => {
    try {
      for (const text of waiting.splice(0)) writeSync(descriptor, text);
    } catch {
      // There is nobody to tell.
    }
  });
  return (line) => {
    if (waiting.length >= mostWaiting) {
      lost += 1;
      return;
    }
    if (lost > 0) {
      const message = `${lost} lines lost`;
      lost = 0;
      add({ level: 'warn', message });
    }
    add(line);
  };
}
