// From what was declared to the argv and environment of an instance. Pure. Places are filled in by the agent: {tree},
// {layer}, {python}, {tool:NAME} in argv and in values of the environment that begin with one, `$PORT` in argv. A line of shell is never
// touched: it goes to the shell as one argument, and the shell has the same variables.
import { fail } from '../../domain/errors.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { Command } from '../../domain/plan.ts';
import { volumeVariable } from '../../domain/volume-variable.ts';
import { layerPath } from '../layer-places.ts';
import { scrubbedEnv, systemPath } from '../process/scrubbed-env.ts';

export type StartPlaces = {
  instanceId: InstanceId;
  appName: string;
  releaseLabel: string;
  tree: string;
  /** null: the artifact has none. */
  layer: string | null;
  /** An interpreter that the app's identity can execute; null: none is known. */
  python: string | null;
  /** By name; what `toolNames` asked for. */
  tools: ReadonlyMap<string, string>;
  home: string;
  tmp: string;
  /** name -> path */
  volumes: Readonly<Record<string, string>>;
  /** null for what serves nothing. */
  port: number | null;
};

type Declared = { command: Command | null; env: Readonly<Record<string, string>> };

/** The tools that a process names. */
export function toolNames({ command, env }: Declared): string[] {
  const texts = [...(command && 'argv' in command ? command.argv : []), ...Object.values(env)];
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/\{tool:([a-z0-9-]+)\}/g)].map((match) => match[1]!)))];
}

/** @throws bad-env, no-interpreter, bad-config for a place that this instance does not have */
export function startPlan(declared: Declared, places: StartPlaces): { argv: string[]; env: Record<string, string> } {
  const fill = (text: string) => text.replace(/\{(tree|layer|python|tool:([a-z0-9-]+))\}/g, (whole) => placeOf(whole));
  const placeOf = (whole: string): string => {
    if (whole === '{tree}') return places.tree;
    if (whole === '{layer}') return places.layer ?? missing(whole, 'the release has no dependency layer');
    if (whole === '{python}') {
      if (places.layer !== null) return `${places.layer}/bin/python`;
      if (places.python !== null) return places.python;
      throw fail('no-interpreter', 'No Python that the app can execute is on this machine.', {
        advice: 'Install python3 for all users.',
      });
    }
    return places.tools.get(whole.slice('{tool:'.length, -1)) ?? missing(whole, 'the tool is not on this machine');
  };
  const { command } = declared;
  if (command === null)
    throw fail('bad-config', 'The process has no command.', { advice: 'Give it one in the Procfile.' });
  const withPort = (text: string) =>
    places.port === null ? text : text.replace(/\$(?:PORT\b|\{PORT\})/g, String(places.port));
  const argv = 'shell' in command ? ['/bin/sh', '-c', command.shell] : command.argv.map((word) => withPort(fill(word)));
  // Only a value that begins with a place is filled in: what a person configured arrives byte for byte.
  const entries = Object.entries(declared.env);
  const env = Object.fromEntries(
    entries.map(([name, value]) => [name, /^\{(?:tree|layer|python|tool:)/.test(value) ? fill(value) : value]),
  );
  const path = [...(places.layer === null ? [] : layerPath(places.layer)), ...systemPath];
  const given: Record<string, string> = {
    LOCKSTEP_APP: places.appName,
    LOCKSTEP_RELEASE: places.releaseLabel,
    ...env,
    LOCKSTEP_INSTANCE: places.instanceId,
  };
  if (places.port !== null) given.PORT = String(places.port);
  for (const [name, at] of Object.entries(places.volumes)) given[volumeVariable(name)] = at;
  return { argv, env: scrubbedEnv(given, { path, home: places.home, tmp: places.tmp }) };
}

function missing(place: string, why: string): never {
  throw fail('bad-config', `The command names ${place}, but ${why}.`, { advice: 'Correct the command.' });
}
