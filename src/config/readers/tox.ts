// What tox.ini and a noxfile say of the tests: with which words pytest is called, and what is installed for it. A word that
// stands for something ({posargs}, {envtmpdir}) and measuring of its own (--cov) are left out; what depends on a factor is not read.
import { iniValue } from './ini.ts';
import { parseRequirement } from './requirements.ts';

const bytesLimit = 256 * 1024;
const mostWords = 50;

/** The words after `pytest` of the first command that calls it; null when none does, or none are left. */
export function pytestWords(tox: string, nox: string): string[] | null {
  const commands = iniValue(tox, 'testenv', 'commands')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  for (const command of commands) {
    const match = /^(?:-\s*)?(?:coverage\s+run\s.*?-m\s+|\S*python\S*\s+-m\s+)?pytest\b(?:\s+(.*))?$/.exec(
      command.trim(),
    );
    if (match) return worth((match[1] ?? '').match(/"[^"]*"|'[^']*'|\S+/g) ?? []);
  }
  const session =
    /\.run\(\s*(?:["']python["']\s*,\s*["']-m["']\s*,\s*)?["']pytest["']((?:\s*,\s*["'][^"'\n]{0,300}["']){0,50})/.exec(
      nox.slice(0, bytesLimit),
    );
  return session ? worth([...session[1]!.matchAll(/["']([^"']*)["']/g)].map((one) => one[1]!)) : null;
}

function worth(words: readonly string[]): string[] | null {
  const kept = words
    .map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
    .filter((word) => word !== '' && !/[{}$]/.test(word) && !/^--(?:cov|junit|no-cov)/.test(word))
    .slice(0, mostWords);
  return kept.length === 0 ? null : kept;
}

/** `deps` of [testenv] that hold for every environment: requirements, and requirements files of the tree. */
export function toxRequirements(tox: string): { requirements: string[]; files: string[] } {
  const found = { requirements: [] as string[], files: [] as string[] };
  for (const raw of iniValue(tox, 'testenv', 'deps').split('\n')) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    const file = /^-r\s*(?:\{toxinidir\}\/)?([\w./-]+\.(?:txt|in))$/.exec(line)?.[1];
    if (file !== undefined) found.files.push(file.replace(/^\.\//, ''));
    else if (!/[{}]|^-|^[\w.!,-]+:\s/.test(line) && parseRequirement(line) !== null) found.requirements.push(line);
  }
  return found;
}
