// Why a neighbour did not start, for whoever waits for it: by what it said itself, or else by how it ended.
import type { Config } from '../config/config.ts';
import { fail } from '../domain/errors.ts';
import { tailOf } from './log-tail.ts';
import type { NeighbourName } from './neighbour-record.ts';

/** By which it must answer. */
export const startLimitMs = 30_000;

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/**
 * @param exit null: it runs, and answers nothing
 * @param saidBefore how much of its log is older than this start
 */
export function notStarted(
  exit: Exit | null,
  { name, config, log }: { name: NeighbourName; config: Pick<Config, 'home' | 'port'>; log: string },
  saidBefore: number,
): Error {
  const lines = tailOf(log, saidBefore);
  const said = lines.at(-1) ?? `${endOf(exit)}, and said nothing`;
  if (exit?.code === 73 && name === 'control') {
    return fail('home-in-use', `another control serves ${config.home}, or is about to end`, {
      advice: 'Stop it first, or choose another home with --home.',
    });
  }
  if (exit?.code === 73) {
    return fail('port-in-use', `the port ${config.port} is taken: ${said}`, {
      advice: 'Stop who has it, or choose another: lockstep up --port N.',
    });
  }
  return fail('internal', `${name} did not start: ${said}`, {
    advice: `See ${log}.`,
    details: { lines: lines.slice(-10) },
  });
}

function endOf(exit: Exit | null): string {
  if (exit === null) return `it did not answer for ${startLimitMs / 1000} s`;
  return exit.signal === null ? `it ended with exit code ${exit.code}` : `it was ended by ${exit.signal}`;
}
