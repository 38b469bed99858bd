// Git's pre-push hook that asks the gate before a push leaves. Written only where there is none, or where ours is.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { run } from '../../exec/exec.ts';
import { shellWord } from '../shell-word.ts';

const mark = '# lockstep gate, as a pre-push hook';
const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'lockstep');

/** Resolves with what was done. @throws conflict when another hook is there */
export async function installHook(cwd: string, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const whole = Object.fromEntries(Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined));
  const asked = await run(['git', 'rev-parse', '--git-path', 'hooks/pre-push'], { cwd, env: whole, timeoutMs: 30_000 });
  const path = asked.stdout.trim();
  if (asked.code !== 0 || path === '')
    throw fail('bad-request', `${printable(cwd)} is not a git work tree`, { advice: 'Run it in your checkout.' });
  const file = isAbsolute(path) ? path : resolve(cwd, path);
  const there = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (there !== null && !there.includes(mark))
    throw fail('conflict', `${printable(file)} is somebody else's hook, and stays as it is`, {
      advice: `Add this line to it: lockstep gate --committed </dev/null || exit 1`,
    });
  const text = `#!/bin/sh\n${mark}; git push --no-verify goes past it.\nexec ${shellWord(program)} gate --committed </dev/null\n`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await chmod(file, 0o755);
  return `${printable(file)} asks the gate before each push; git push --no-verify goes past it`;
}
