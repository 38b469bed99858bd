// Named places where a test can stop the world, beside those that every seam has by itself (`seam.ts`). Off (the normal
// case) a failpoint is one comparison.
// `LOCKSTEP_FAILPOINTS=name=kill,other=hold:/path` turns some on: `kill` ends this process at once as SIGKILL does;
// `hold:/path` writes that file with this pid in it and waits until somebody removes it.
import { existsSync, watch, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

type Effect = { kind: 'kill' } | { kind: 'hold'; file: string };

/** `name=kill,name=hold:/path` -> effects by name. Unknown effects throw: a misspelt failpoint must not pass for a test. */
export function parseFailpoints(text: string): ReadonlyMap<string, Effect> {
  const entries = text.split(',').filter((part) => part !== '');
  return new Map(
    entries.map((part): [string, Effect] => {
      const [name, effect] = part.split('=', 2);
      if (name && effect === 'kill') return [name, { kind: 'kill' }];
      if (name && effect?.startsWith('hold:/')) return [name, { kind: 'hold', file: effect.slice('hold:'.length) }];
      throw new Error(`not a failpoint: ${part}`);
    }),
  );
}

const given = process.env.LOCKSTEP_FAILPOINTS ?? '';
const armed = parseFailpoints(given.startsWith('@') ? '' : given);

/** Whether a test armed any: what only a failpoint asks for is not found out otherwise. */
export const areAnyArmed = armed.size > 0;

/** Passes through, unless a test armed this name. */
export async function failpoint(name: string): Promise<void> {
  if (armed.size === 0) return;
  const effect = armed.get(name);
  if (effect?.kind === 'kill') process.kill(process.pid, 'SIGKILL');
  if (effect?.kind === 'hold') await hold(effect.file);
}

/** Announces itself by making `file`, and resolves when it is gone. */
export async function hold(file: string): Promise<void> {
  writeFileSync(file, String(process.pid));
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dirname(file), () => {
    if (!existsSync(file)) resolve();
  });
  try {
    if (existsSync(file)) await promise;
  } finally {
    watcher.close();
  }
}
