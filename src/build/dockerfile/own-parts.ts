// A build may use nothing of another app's that lies on the same engine: cache mounts get names that begin with the app's own, and an image
// may not be named by its bare id, nor by the names that Lockstep gives. What cannot be read surely is refused.
import { printable } from '../../domain/names.ts';
import type { Stage } from './read-dockerfile.ts';
import { type Instruction, readInstructions, refused } from './read-lines.ts';

/** As `agent/images` names what it builds. */
const ourNames = /^(?:docker\.io\/)?lockstep\//i;
/** The engine takes the first digits of an id for the image. */
const bareId = /^(?:sha256:)?[0-9a-f]{1,64}$/i;

/** The text with the cache mounts of one app. @throws bad-config */
export function withOwnParts(text: string, stages: readonly Stage[], cacheId: string): string {
  const { instructions } = readInstructions(text);
  const names = new Set(stages.flatMap(({ name }) => name ?? []));
  for (const { base, line } of stages) refuseForeign(base, names, line);
  for (const one of instructions) {
    if (one.name === 'ONBUILD' && /--mount/i.test(one.text))
      throw refused(
        one.line,
        'ONBUILD with a mount is not built here',
        'Write the RUN into the Dockerfile that needs it.',
      );
    for (const flag of flagsOf(one)) {
      const from = /^--from=(.*)$/s.exec(flag)?.[1];
      if (from?.includes('$')) throw refused(one.line, 'a variable after --from is not read', 'Write the name.');
      if (from !== undefined && !/^\d+$/.test(from)) refuseForeign(from, names, one.line);
    }
  }
  const lines = text.split('\n');
  for (const [at, one] of instructions.entries()) {
    const end = (instructions[at + 1]?.line ?? lines.length + 1) - 1;
    let piece = lines.slice(one.line - 1, end).join('\n');
    let from = 0;
    for (const { flag, options } of mountsOf(one, names)) {
      const found = piece.indexOf(flag, from);
      if (found < 0) throw unclear(one);
      const own = options.type === 'cache' ? ownCache(options, cacheId) : flag;
      piece = piece.slice(0, found) + own + piece.slice(found + flag.length);
      from = found + own.length;
    }
    lines.splice(one.line - 1, end - one.line + 1, ...piece.split('\n'));
  }
  const whole = lines.join('\n');
  // A comment between two lines of an instruction can hold the same words: what will be built is looked at once more.
  for (const one of readInstructions(whole).instructions)
    for (const { options } of mountsOf(one, names))
      if (options.type === 'cache' && !options.id?.startsWith(`${cacheId}-`)) throw unclear(one);
  return whole;
}

/** Ids of the secrets that its steps mount, with their lines. @throws bad-config for a mount that cannot be read surely */
export function secretMounts(text: string, stages: readonly Stage[]): { id: string; line: number }[] {
  const names = new Set(stages.flatMap(({ name }) => name ?? []));
  return readInstructions(text).instructions.flatMap((one) =>
    mountsOf(one, names).flatMap(({ options: { type, id, target, dst, destination } }) => {
      if (type !== 'secret') return [];
      const at = target ?? dst ?? destination ?? '';
      const named = id ?? at.slice(at.lastIndexOf('/') + 1);
      if (named === '' || named.includes('$'))
        throw refused(one.line, 'a secret without a name that can be read', 'Write --mount=type=secret,id=NAME.');
      return [{ id: named, line: one.line }];
    }),
  );
}

type Mount = { flag: string; options: Readonly<Record<string, string>> };

function mountsOf(one: Instruction, names: ReadonlySet<string>): Mount[] {
  if (one.name !== 'RUN') return [];
  return flagsOf(one)
    .filter((flag) => /^--mount/i.test(flag))
    .map((flag) => {
      if (/["'\\`]/.test(flag)) throw unclear(one);
      const pairs = flag
        .slice('--mount='.length)
        .split(',')
        .map((pair) => /^([^=]*)=?(.*)$/s.exec(pair)!)
        .map(([, name, value]) => [name!.trim().toLowerCase(), value!] as const);
      const options: Record<string, string> = Object.fromEntries(pairs);
      if (Object.keys(options).length !== pairs.length || /\$/.test(`${options.type}${options.from}`))
        throw unclear(one);
      options.type = (options.type ?? 'bind').toLowerCase();
      if (options.type === 'ssh')
        throw refused(
          one.line,
          '--mount=type=ssh is not built here: there is no agent of keys',
          'Give a key or a token as a build secret: build: {secrets: [SSH_KEY]} in lockstep.yml, and RUN --mount=type=secret,id=SSH_KEY here.',
        );
      if (options.from !== undefined && !/^\d+$/.test(options.from)) refuseForeign(options.from, names, one.line);
      return { flag, options };
    });
}

/** `--name=value` before the command or the paths. */
const flagsOf = ({ text }: Instruction): string[] =>
  (/^(?:\s*--\S+)+/.exec(text)?.[0] ?? '').split(/\s+/).filter((word) => word !== '');

function ownCache(options: Readonly<Record<string, string>>, cacheId: string): string {
  const { id, target, dst, destination, ...rest } = options;
  const at = target ?? dst ?? destination ?? '';
  const pairs = { ...rest, id: `${cacheId}-${id ?? at}`, target: at };
  return `--mount=${Object.entries(pairs)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join(',')}`;
}

function refuseForeign(named: string, stages: ReadonlySet<string>, line: number): void {
  if (stages.has(named.toLowerCase())) return;
  // What is a variable still is the builder's own (TARGETARCH), and may be empty.
  const image = named.replace(/\$(?:\{[^}]*\}|\w+)/g, '');
  if (ourNames.test(image))
    throw refused(line, `${printable(image)} is an image that Lockstep made`, 'Begin with an image of a registry.');
  if (bareId.test(image))
    throw refused(line, `${printable(image)} may be the id of any image of this machine`, 'Name it with a tag.');
}

const unclear = ({ line }: Instruction) =>
  refused(line, 'a --mount in it cannot be read surely', 'Write it on one line, without quotes, each option once.');
