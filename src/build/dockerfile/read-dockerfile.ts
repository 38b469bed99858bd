// What somebody's own Dockerfile says that concerns Lockstep: which stages there are, where the container listens, as whom and how it starts, and
// what in it is dangerous, one line of advice each. Pure: nothing is fetched, and nothing of it runs here.
import { printable } from '../../domain/names.ts';
import { adviseOn } from './advice.ts';
import type { DockerfileFacts, Stage } from './facts.ts';
import { type Instruction, readInstructions, refused } from './read-lines.ts';
import { argsOf, filled, pairsOf, portsOf, type Start, startOf } from './read-words.ts';

export type { DockerfileFacts, Stage } from './facts.ts';

const testStages = ['gate', 'test', 'tests', 'testing'];

/**
 * @param own by which names the app's own repository is known: its name, and hosts with paths
 * @param given values of ARGs, before those that the file has for them
 * @throws bad-config, too-large
 */
export function readDockerfile(
  text: string,
  own: readonly string[],
  given: Readonly<Record<string, string>> = {},
): DockerfileFacts {
  const { instructions, syntax } = readInstructions(text);
  const notes: string[] = [];
  if (syntax !== null) notes.push(dropSyntax(syntax));
  const { stages, globals } = stagesOf(instructions, given);
  const last = stages.at(-1)!;
  const values = new Map(globals);
  const facts = {
    ports: [] as number[],
    user: null as string | null,
    entrypoint: null as Start | null,
    command: null as Start | null,
  };
  for (const one of chainOf(stages, last).flatMap((stage) => stage.instructions)) {
    if (one.name === 'ENV') for (const [name, value] of pairsOf(one)) values.set(name, filled(value, values));
    if (one.name === 'ARG')
      // Without a value it is the one of before the first FROM.
      for (const [name, value] of argsOf(one, given))
        if (value !== '' || !values.has(name)) values.set(name, filled(value, values));
    if (one.name === 'EXPOSE') facts.ports.push(...portsOf(filled(one.text, values)));
    if (one.name === 'USER') facts.user = filled(one.text, values).trim() || null;
    if (one.name === 'CMD') facts.command = startOf(one);
    if (one.name === 'ENTRYPOINT') {
      facts.entrypoint = startOf(one);
      // A CMD of before belongs to an ENTRYPOINT of before.
      facts.command = null;
    }
  }
  return {
    text: syntax === null ? text : withoutSyntax(text),
    stages,
    args: [
      ...new Set(
        instructions.filter(({ name }) => name === 'ARG').flatMap((one) => pairsOf(one).map(([name]) => name)),
      ),
    ],
    testStage: stages.slice(0, -1).find(({ name }) => name !== null && testStages.includes(name))?.name ?? null,
    ...{ ...facts, ports: [...new Set(facts.ports)].slice(0, 100) },
    advice: adviseOn(stages, { user: facts.user, own, given, globals }),
    notes,
  };
}

/** The usual frontend is what builds here anyway; another would be a program of somebody's that reads the whole context. */
function dropSyntax({ line, value }: { line: number; value: string }): string {
  if (!/^(?:docker\.io\/)?docker\/dockerfile(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/.test(value))
    throw refused(
      line,
      `# syntax=${printable(value)} names a foreign builder`,
      'Take the line away: the Dockerfile is built by the engine itself.',
    );
  return `line ${line}: "# syntax=${printable(value)}" is dropped: the Dockerfile is built by the engine itself`;
}

/** Every such comment before the first instruction. */
function withoutSyntax(text: string): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => !/^\uFEFF?\s*(?:#|\r?$)/.test(line));
  return lines
    .map((line, at) => ((first < 0 || at < first) && /^\uFEFF?\s*#\s*syntax\s*=/i.test(line) ? '#' : line))
    .join('\n');
}

function stagesOf(
  instructions: readonly Instruction[],
  given: Readonly<Record<string, string>>,
): { stages: Stage[]; globals: Map<string, string> } {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  const globals = new Map<string, string>();
  for (const one of instructions) {
    if (one.name === 'FROM') {
      const words = one.text.split(/\s+/).filter((word) => !word.startsWith('--'));
      const [base = '', as, name] = words;
      const isNamed = words.length === 3 && as?.toUpperCase() === 'AS';
      if (base === '' || (words.length !== 1 && !isNamed))
        throw refused(one.line, 'FROM wants an image, and AS with a name');
      stages.push({
        name: isNamed ? name!.toLowerCase() : null,
        base: filled(base, globals),
        line: one.line,
        instructions: [],
      });
    } else if (stages.length > 0) stages.at(-1)!.instructions.push(one);
    else if (one.name === 'ARG')
      for (const [name, value] of argsOf(one, given)) globals.set(name, filled(value, globals));
    else throw refused(one.line, `${one.name} stands before the first FROM`);
  }
  if (stages.length === 0) throw refused(1, 'there is no FROM');
  return { stages, globals };
}

/** A stage and what it stands on in this file, the lowest first. */
export function chainOf(stages: readonly Stage[], stage: Stage): Stage[] {
  const chain: Stage[] = [];
  for (let one: Stage | undefined = stage; one !== undefined; ) {
    chain.unshift(one);
    const base: string = one.base.toLowerCase();
    one = stages.slice(0, stages.indexOf(one)).findLast(({ name }) => name === base);
  }
  return chain;
}
