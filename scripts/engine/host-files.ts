// A root file system made of what Debian's packages put on this machine: no download, no registry. What maintainers' scripts make
// (users, certificates, caches) is written anew by base-images.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a slim image has: a shell, the usual small programs, certificates' place. */
const system = [
  ...['base-files', 'libc6', 'libc-bin', 'dash', 'coreutils', 'sed', 'grep', 'findutils', 'tar', 'gzip', 'debianutils'],
  ...['libacl1', 'libattr1', 'libgmp10', 'libselinux1', 'libpcre2-8-0', 'libgcc-s1', 'libstdc++6', 'libtinfo6'],
  ...['libssl3', 'zlib1g', 'libcrypt1', 'libzstd1', 'libatomic1', 'mawk', 'procps', 'libproc2-0'],
];
const python = [
  ...['libexpat1', 'libffi8', 'libsqlite3-0', 'libbz2-1.0', 'liblzma5', 'libuuid1', 'libncursesw6', 'libreadline8'],
  ...['libdb5.3', 'libnsl2', 'libtirpc3', 'libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3', 'libkrb5support0'],
  ...['libcom-err2', 'libkeyutils1', 'media-types', 'python3', 'python3-minimal', 'libpython3-stdlib'],
  ...['python3-distutils', 'python3-lib2to3', 'python3-pip-whl', 'python3-setuptools-whl', 'tzdata'],
];

export const packageSets = {
  system: () => system,
  python: () => [...system, ...python, ...versioned()],
} as const;

/** Of the machine's Python: python3.11, its library, its venv. */
function versioned(): string[] {
  const version = pythonVersion();
  const names = ['python', 'python@-minimal', 'libpython@-minimal', 'libpython@-stdlib', 'python@-venv'];
  return names.map((name) => (name === 'python' ? `python${version}` : name.replace('@', version)));
}

export const pythonVersion = (): string =>
  execFileSync('/usr/bin/python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  }).trim();

/** `name version` of those that are installed; the others are not in the image. */
export function installedAmong(names: readonly string[]): { name: string; version: string }[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own form
  const said = execFileSync('dpkg-query', ['-W', '-f', '${Package}\t${Version}\t${Status}\n'], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 ** 2,
  });
  const wanted = new Set(names);
  return said
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([name, , status]) => wanted.has(name!) && status === 'install ok installed')
    .map(([name, version]) => ({ name: name!, version: version! }));
}

/** Paths below `/` without their first slash, parents first; documentation is left out. */
export function filesOf(names: readonly string[]): string[] {
  const said = execFileSync('dpkg-query', ['-L', ...names], { encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });
  const paths = new Set<string>();
  const add = (path: string): void => {
    // /bin, /lib and /sbin are links into /usr on a merged system; packages still name files beneath them.
    const at = path.replace(/^\/(bin|sbin|lib|lib64)(?=\/|$)/, (_, top) =>
      isLink(`/${top}`) ? `/usr/${top}` : `/${top}`,
    );
    if (at !== '/' && existsOrLink(at)) paths.add(at.slice(1));
  };
  for (const line of said.split('\n')) {
    if (!line.startsWith('/') || line === '/.' || unwanted.test(line)) continue;
    add(line);
    const cache = join(line, '__pycache__');
    if (/^\/usr\/lib\/python3/.test(line) && existsSync(cache)) {
      add(cache);
      for (const name of readdirSync(cache)) add(join(cache, name));
    }
  }
  for (const top of ['bin', 'sbin', 'lib', 'lib64']) if (isLink(`/${top}`)) paths.add(top);
  return [...paths].sort();
}

const unwanted =
  /^\/usr\/share\/(?:doc|man|info|locale|lintian|bug|zoneinfo\/(?:right|posix))(?:\/|$)|\/EXTERNALLY-MANAGED$/;

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
const existsOrLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
