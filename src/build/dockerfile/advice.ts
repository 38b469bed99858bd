// What is dangerous in a Dockerfile, one line each: a list of rules, and a new one is one more. Advice, not a verdict: the app runs.
import { printable } from '../../domain/names.ts';
import type { Advice, Stage } from './facts.ts';
import type { Instruction } from './read-lines.ts';
import { argsOf, filled, pairsOf, startOf } from './read-words.ts';

type About = {
  user: string | null;
  /** By which names the app's own repository is known. */
  own: readonly string[];
  /** Values of ARGs: given, and said before the first FROM. */
  given: Readonly<Record<string, string>>;
  globals: ReadonlyMap<string, string>;
};
/** `values`: of the variables, where it stands. */
type Here = About & { isLast: boolean; values: ReadonlyMap<string, string> };
type Rule = (one: Instruction, here: Here) => Omit<Advice, 'line'> | null;

const say = (rule: string, text: string, isUncached = false): Omit<Advice, 'line'> => ({ rule, text, isUncached });
const mostAdvice = 50;

const scripts = ({ text, documents }: Instruction): string => [text, ...documents].join('\n');

const address = /^(?:(?:https?|ssh|git):\/\/\S+|[\w.-]{1,100}@[\w.-]{1,200}:\S+)$/;
const fetching = /^(?:\S*\/)?(?:git|curl|wget)$/;

/** Addresses among the words after git, curl or wget, and of all words of ADD; `clones`: git is told to. */
function fetched(one: Instruction, values: ReadonlyMap<string, string>): { addresses: string[]; clones: boolean } {
  const words = scripts(one)
    .slice(0, 50_000)
    .split(/[\s"'`;|&()<>=]+/)
    .map((word) => (word.includes('$') ? filled(word, values) : word));
  if (one.name === 'ADD') return { addresses: words.filter((word) => address.test(word)), clones: false };
  const addresses: string[] = [];
  let clones = false;
  let left = 0;
  for (const [at, word] of words.entries()) {
    if (fetching.test(word)) left = 40;
    else if (left > 0 && address.test(word)) addresses.push(word);
    clones ||=
      word === 'clone' && left > 0 && words.slice(Math.max(0, at - 6), at).some((one) => /(?:^|\/)git$/.test(one));
    left -= 1;
  }
  return { addresses, clones };
}

const clonesItself: Rule = (one, { own, values }) => {
  if (one.name !== 'RUN' && one.name !== 'ADD') return null;
  const names = own.map(addressOf);
  const { addresses, clones } = fetched(one, values);
  const itself = addresses.find((each) => {
    const name = addressOf(each);
    return names.some((known) =>
      known.includes('/') ? name === known || name.startsWith(`${known}/`) : name.split('/').at(-1) === known,
    );
  });
  if (itself !== undefined)
    return say(
      'clones-itself',
      `it fetches the app’s own repository (${printable(itself)}): what serves is what that address has while the image is built, not this commit. Write COPY . in its place`,
      true,
    );
  return clones
    ? say('clones', 'it clones a repository: name a commit, or it is whatever was newest when the step ran')
    : null;
};

/** `https://token@github.com/a/b.git` and `git@github.com:a/b` -> github.com/a/b */
export function addressOf(address: string): string {
  return address
    .toLowerCase()
    .replace(/^[a-z+]+:\/\//, '')
    .replace(/^[^@/]*@/, '')
    .replace(/^([\w.-]+):(?!\d+\/)/, '$1/')
    .replace(/[?#].*$/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');
}

const shellForm: Rule = (one, { isLast }) => {
  if (!isLast || (one.name !== 'CMD' && one.name !== 'ENTRYPOINT')) return null;
  const start = startOf(one);
  if (start === null || start.form === 'exec') return null;
  if (one.name === 'ENTRYPOINT')
    return say(
      'shell-entrypoint',
      'as a line for the shell it ignores CMD and may keep SIGTERM from the app: write ENTRYPOINT ["…"]',
    );
  return /^exec\s/.test(start.line) || !/[;&|]/.test(start.line)
    ? null
    : say(
        'shell-command',
        'the shell may keep SIGTERM from the app, which is then killed after 30 s: put exec before the last command',
      );
};

const developmentServer: Rule = (one, { isLast }) => {
  if (!isLast || (one.name !== 'CMD' && one.name !== 'ENTRYPOINT')) return null;
  const start = startOf(one);
  const line = start === null ? '' : (start.form === 'exec' ? start.argv.join(' ') : start.line).slice(0, 2000);
  const found =
    /\b(?:flask\b.*\brun\b|manage\.py\s+runserver|nodemon|(?:npm|pnpm|yarn)\s+(?:run\s+)?dev|vite(?:\s|$)(?!.*\bpreview\b)|ng\s+serve|php\s+-S|rails\s+s(?:erver)?\b|uvicorn\b.*--reload|gunicorn\b.*--reload)/.exec(
      line,
    );
  return found === null
    ? null
    : say(
        'development-server',
        `${printable(found[0])} is a server for development: it serves one at a time or reloads files`,
      );
};

const secret: Rule = (one) => {
  if (one.name !== 'ENV' && one.name !== 'ARG') return null;
  const found = pairsOf(one).find(
    ([name, value]) =>
      /(?:SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE_KEY|API_?KEY)/i.test(name) && value !== '' && !value.startsWith('$'),
  );
  return found === undefined
    ? null
    : say(
        'secret',
        `${found[0]} has a value here, which everybody who has the image can read: lockstep config set ${found[0]}=…`,
      );
};

const proxyArgument: Rule = (one) =>
  one.name === 'ARG' && pairsOf(one).some(([name]) => /^(?:https?|ftp|all|no)_proxy$/i.test(name))
    ? say('proxy-argument', 'the builder has this ARG already: declared here, its value gets into the image’s history')
    : null;

const volume: Rule = (one, { isLast }) =>
  isLast && one.name === 'VOLUME'
    ? say('volume', 'VOLUME makes a new, empty volume at every start: name it under volumes: in lockstep.yml')
    : null;

const remoteAdd: Rule = (one) =>
  one.name === 'ADD' && /(?:^|\s)(?:https?:\/\/|git@|git:\/\/)/.test(one.text)
    ? say(
        'remote-add',
        'what it fetches is not of the commit: keep the file in the repository, or hold it against a checksum',
      )
    : null;

const onBuild: Rule = (one) =>
  one.name === 'ONBUILD' ? say('onbuild', 'ONBUILD does nothing when an app is built') : null;

const rules: readonly Rule[] = [
  clonesItself,
  shellForm,
  developmentServer,
  secret,
  proxyArgument,
  volume,
  remoteAdd,
  onBuild,
];

export function adviseOn(stages: readonly Stage[], about: About): Advice[] {
  const found: Advice[] = [];
  const last = stages.at(-1)!;
  /** A stage that stands on another has its variables. */
  const named = new Map<string, ReadonlyMap<string, string>>();
  for (const stage of stages) {
    const values = new Map([...about.globals, ...(named.get(stage.base.toLowerCase()) ?? [])]);
    if (stage.name !== null) named.set(stage.name, values);
    for (const one of stage.instructions) {
      for (const rule of rules) {
        const said = rule(one, { ...about, values, isLast: stage === last });
        if (said !== null) found.push({ ...said, line: one.line });
      }
      const told = one.name === 'ENV' ? pairsOf(one) : one.name === 'ARG' ? argsOf(one, about.given) : [];
      for (const [name, value] of told) if (value !== '' || !values.has(name)) values.set(name, filled(value, values));
    }
  }
  const isRoot = about.user === null ? !/nonroot|unprivileged/.test(last.base) : /^(?:root|0)(?::|$)/.test(about.user);
  if (isRoot)
    found.push({ ...say('root', 'the app runs as root in its container: add USER with a number'), line: last.line });
  for (const { base, line } of stages)
    if (isUnpinned(base, stages))
      found.push({ ...say('unpinned', `${printable(base)} names no version: it changes by itself`), line });
  // What decides how it is built is never among what is left out.
  const [deciding, others] = [found.filter((one) => one.isUncached), found.filter((one) => !one.isUncached)];
  const inOrder = (a: Advice, b: Advice): number => a.line - b.line;
  return [...deciding, ...others.sort(inOrder).slice(0, mostAdvice)].sort(inOrder);
}

function isUnpinned(base: string, stages: readonly Stage[]): boolean {
  if (
    base === 'scratch' ||
    base.includes('$') ||
    base.includes('@') ||
    stages.some(({ name }) => name === base.toLowerCase())
  )
    return false;
  const tag = /:([\w.-]+)$/.exec(base)?.[1];
  return tag === undefined || tag === 'latest';
}
