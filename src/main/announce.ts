// What `up` says once it serves: for machines one line, for people what to type next.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { UpArguments } from './up-arguments.ts';
import type { OwnIdentities } from './up-checks.ts';
import { programRoot } from './version.ts';

export function announce(
  argv: UpArguments,
  record: { url: string; base: string; home: string; pids: object },
  ms: number,
  own: OwnIdentities,
  why: readonly string[],
): void {
  if (argv.isJson) {
    process.stdout.write(`${JSON.stringify({ event: 'ready', ...record, ms })}\n`);
    return;
  }
  const bin = join(programRoot, 'bin');
  const isOnPath = (process.env.PATH ?? '').split(':').some((folder) => statOrNull(join(folder, 'lockstep')) !== null);
  const lines = [
    `Lockstep serves at ${record.url} (home ${record.home}, ${ms} ms)`,
    ...own.why.map((line) => `  note: ${line}`),
    ...why.map((line) => `  note: ${line}`),
    '',
    ...(isOnPath ? [] : ['  have the lockstep command at hand:', `    export PATH="${bin}:$PATH"`, '']),
    '  next, in the Git work tree of a web app:',
    '    lockstep create blog',
    '    git push lockstep main',
    '',
    `  from another machine: lockstep login ${record.url} (the owner's token is in ${join(record.home, 'control', 'owner.token')})`,
    '  Ctrl-C stops everything that was started; --detach leaves it running.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function statOrNull(path: string) {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
