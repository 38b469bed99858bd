// The lines of a Dockerfile, from words. What an app's files say goes through here and nowhere else, so that no path, value or comment can
// begin an instruction of its own; what a Dockerfile has no form for is refused.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';

const plainWord = /^[\w@%+=:,./{}^-][\w@%+=:,./{}~^-]*$/;

/** A word of POSIX shell that stands for exactly these bytes. */
export const shellWord = (word: string): string =>
  plainWord.test(word) ? word : `'${checked(word).replaceAll("'", "'\\''")}'`;

/** A folder that outlives the build and is in no layer. `id`: whose it is; null: of whoever builds on this machine. */
export type CacheMount = { folder: string; id: string | null };

export function run(words: readonly string[], cache: CacheMount | null = null): string {
  const id = cache?.id ? `id=${cache.id},` : '';
  const mount = cache ? `--mount=type=cache,${id}target=${cache.folder},sharing=locked ` : '';
  return `RUN ${mount}${words.map(shellWord).join(' ')}`;
}

/** A line for the shell that Lockstep wrote itself. */
export const runLine = (line: string): string => `RUN ${checked(line)}`;

export const comment = (text: string): string => `# ${text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300)}`;

/** Values are literal: nothing in them is replaced. */
export function env(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `ENV ${name}="${checked(value).replace(/[\\"$]/g, '\\$&')}"`);
}

/** COPY of single files of the context, each into the folder of its own name; one line a folder. @param root the folder that they are named from */
export function copyFiles(paths: readonly string[], root = ''): string[] {
  const folders = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf('/') + 1));
  return [...folders].map(
    ([folder, files]) => `COPY ${files.map((file) => copyWord(root + file)).join(' ')} ./${copyWord(folder)}`,
  );
}

/** In a COPY a name is a pattern, and variables in it are replaced: only names that are neither. */
function copyWord(path: string): string {
  if (/^[\w@%+=:,./-]*$/.test(path) && !/^--/.test(path)) return path;
  throw fail('bad-config', `${printable(path)} cannot be named in a Dockerfile`, {
    advice: 'Give the file a name of letters, digits and . _ - / only.',
  });
}

/** A program of Python as a word, in one line that does the same: the lines of a Dockerfile hold no more. */
export const pythonWord = (word: string): string => (word.includes('\n') ? `exec(${JSON.stringify(word)})` : word);

/** argv, as CMD has it. JSON escapes what is not a word. */
export const cmd = (argv: readonly string[]): string => `CMD ${JSON.stringify(argv.map(checked))}`;

function checked(text: string): string {
  if (!/[\0\n\r]/.test(text)) return text;
  throw fail('bad-config', `${printable(text)} has more than one line, which a Dockerfile cannot hold there`, {
    advice: 'Put it into a file of the repository, and name that file.',
  });
}
