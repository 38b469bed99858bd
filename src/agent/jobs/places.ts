// Fills in the places that commands name instead of paths. One pass, known names only: what a place stands for is not
// looked at again, and braces that mean something else stay. A line of shell is the author's and is left alone.

import { fail } from '../../domain/errors.ts';
import type { Command } from '../../domain/plan.ts';
import { isToolName } from '../toolchains/pins.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';

/** By name without braces: `tree`, `layer`, `python`, `job`, `reports`, `inputs`, `cache`, `tool:NAME`. */
export type Places = Readonly<Record<string, string>>;

export function fillPlaces(text: string, places: Places): string {
  return text.replace(/\{([a-z]+(?::[a-z0-9-]+)?)\}/g, (whole, name: string) =>
    Object.hasOwn(places, name) ? places[name]! : whole,
  );
}

export function fillCommand(command: Command, places: Places): string[] {
  if ('shell' in command) return ['/bin/sh', '-c', command.shell];
  return command.argv.map((word) => fillPlaces(word, places));
}

/** Only a value that begins with a place is filled in: what a person configured arrives as it is. */
export function fillEnv(env: Readonly<Record<string, string>>, places: Places): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.startsWith('{') ? fillPlaces(value, places) : value]),
  );
}

/** `tool:NAME` -> path for each; fetches what is not there yet. @throws bad-request, and what `ensure` throws */
export async function toolPlaces(
  toolchains: Pick<Toolchains, 'ensure'>,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const entries = names.map(async (name): Promise<[string, string]> => {
    if (!isToolName(name))
      throw fail('bad-request', `There is no tool ${JSON.stringify(name)}.`, {
        advice: 'Ask for one that the agent knows.',
      });
    return [`tool:${name}`, await toolchains.ensure(name, signal)];
  });
  return Object.fromEntries(await Promise.all(entries));
}
