// Which of the machine's interpreters an app gets: one that satisfies what it asks for, else a clear refusal. What a kind is
// called, how its versions are compared and what helps is a line of the table.
import { nodeSatisfies } from '../config/readers/node-version.ts';
import { pythonSatisfies } from '../config/readers/python-version.ts';
import { fail } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { Interpreter } from '../domain/plan.ts';

type Kind = Exclude<Interpreter['kind'], 'none'>;
type Found = AgentHello['interpreters'][number];

const kinds: Readonly<
  Record<
    Kind,
    {
      name: string;
      any: string;
      satisfies(version: string, wanted: string): boolean;
      /** The best comes first. */
      order(found: readonly Found[]): Found[];
      install: string;
    }
  >
> = {
  python: {
    name: 'Python',
    any: '3',
    satisfies: pythonSatisfies,
    order: newestFirst,
    install: 'Install python3 where every user of the server can execute it.',
  },
  // The agent's order: Lockstep's own, then those that it can fetch, then what else is there.
  node: {
    name: 'Node',
    any: 'any',
    satisfies: nodeSatisfies,
    order: (found) => [...found],
    install: 'Restart Lockstep.',
  },
  // The agent's order: those that are there, then the one that it can fetch.
  go: {
    name: 'Go',
    any: '1.21 or newer',
    satisfies: () => true,
    order: (found) => [...found],
    install: 'Restart Lockstep.',
  },
};

/** Its id; null when none is asked for. @throws no-interpreter */
export function chooseInterpreter(wanted: Interpreter, hello: AgentHello, notes: string[]): string | null {
  if (wanted.kind === 'none') return null;
  const { name, any, satisfies, order, install } = kinds[wanted.kind];
  const there = order(hello.interpreters.filter((one) => one.kind === wanted.kind));
  const { version } = wanted;
  const exact = version === null ? there[0] : there.find((one) => satisfies(one.version, version));
  if (exact) return exact.id;
  // Patch releases of one minor version are interchangeable; which ones there are is the machine's business.
  const minor = /^v?(\d+\.\d+)\.\d+$/.exec(version ?? '')?.[1];
  const near = minor ? there.find((one) => satisfies(one.version, minor)) : undefined;
  if (near) {
    notes.push(`${name} ${version} is asked for; this server runs ${near.version}`);
    return near.id;
  }
  const list = [...new Set(newestFirst(there).map((one) => one.version))].join(', ') || 'none';
  throw fail('no-interpreter', `the app asks for ${name} ${version ?? any}, which is not there; there is: ${list}`, {
    advice:
      version === null
        ? install
        : `Ask for one of these, or install that ${name} on the server where every user can execute it.`,
  });
}

function newestFirst(found: readonly Found[]): Found[] {
  return [...found].sort((a, b) => -a.version.localeCompare(b.version, 'en', { numeric: true }));
}
