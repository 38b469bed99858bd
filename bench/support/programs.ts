// Programs of the system that a bench measures or measures with. The bench says which are missing and how to get them; it
// installs them itself only when it is root and was asked (`--install`).
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program, and the Debian packages that it takes. */
export type Wanted = Readonly<Record<string, string>>;

const alsoIn = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Where the program is, or null. */
export function pathOf(program: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...alsoIn]) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there.
    }
  }
  return null;
}

/** @throws with the line to type when something is missing and may not or cannot be installed */
export function insistOn(wanted: Wanted, mayInstall: boolean): void {
  const packagesMissing = () => [
    ...new Set(Object.entries(wanted).flatMap(([program, from]) => (pathOf(program) === null ? from.split(' ') : []))),
  ];
  const missing = packagesMissing();
  if (missing.length === 0) return;
  const line = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!mayInstall || process.getuid?.() !== 0) throw new Error(`it needs programs that are not here; as root: ${line}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [
    ['update', '-qq'],
    ['install', '-qq', '-y', '--no-install-recommends', ...missing],
  ])
    spawnSync('apt-get', words, { stdio: ['ignore', 'ignore', 'inherit'], env });
  const still = packagesMissing();
  if (still.length > 0) throw new Error(`these could not be installed: ${still.join(', ')}`);
}

/** What the program says of its version, the first line. */
export function versionOf(program: string, ...words: string[]): string {
  const { stdout, stderr } = spawnSync(pathOf(program) ?? program, words, { encoding: 'utf8' });
  return (stdout || stderr).split('\n')[0]!.trim();
}
