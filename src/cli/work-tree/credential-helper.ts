// How git gets the token: a shipped sh script with the token file's path as its argument, installed for one server only. An
// empty helper goes first, so that no other helper sees or stores the token. Pure: these functions only make git's words.
import { join } from 'node:path';
import { isLoopback } from '../server/address.ts';
import { shellWord } from '../shell-word.ts';

const script = join(import.meta.dirname, '..', '..', '..', 'bin', 'git-credential-lockstep');

/** The value of `credential.<origin>.helper`. git runs what starts with `!` through sh, hence the quotes; `sh` by name, so that no execute bit and no noexec mount matters. */
export function helperCommand(tokenSource: string): string {
  return `!sh ${shellWord(script)} ${shellWord(tokenSource)}`;
}

/** Key and values, in order, that make git use the token for `origin`; loopback is never sent through a proxy. */
export function gitSettings(origin: string, tokenSource: string): { key: string; values: string[] }[] {
  const settings = [{ key: `credential.${origin}.helper`, values: ['', helperCommand(tokenSource)] }];
  if (isLoopback(origin)) settings.push({ key: `http.${origin}.proxy`, values: [''] });
  return settings;
}

/** The same for one call of git: `-c key=value …`. It holds paths, never a secret. */
export function gitOptions(origin: string, tokenSource: string): string[] {
  return gitSettings(origin, tokenSource).flatMap(({ key, values }) =>
    values.flatMap((value) => ['-c', `${key}=${value}`]),
  );
}
