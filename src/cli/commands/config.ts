// `lockstep config`, `config get`, `config set`, `config unset`: the app's environment. Listings show names only unless
// --reveal asks for values; a change is a new release of the same artifact.
import { fail } from '../../domain/errors.ts';
import { parseEnvKey, parseEnvValue, printable } from '../../domain/names.ts';
import { finish } from '../finish.ts';
import { table } from '../present/table.ts';
import type { Started } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';

type ConfigView = { version: number; entries: Record<string, string | null> };

async function read(session: Session, reveal: boolean): Promise<ConfigView> {
  const app = await session.app();
  return (await session.api()).get<ConfigView>(`/api/v1/apps/${app}/config${reveal ? '?reveal=true' : ''}`);
}

/** Lists the keys, with `--reveal` the values. */
export async function config(session: Session): Promise<number> {
  if (session.has('build')) return (await import('./build-secrets.ts')).buildSecrets(session);
  const view = await read(session, session.has('reveal'));
  if (session.isJson) {
    session.printJson(view);
    return 0;
  }
  const rows = Object.entries(view.entries).map(([key, value]) => [
    key,
    value === null ? '(hidden)' : JSON.stringify(value),
  ]);
  if (rows.length === 0) session.note('No config yet. Set some: lockstep config set KEY=VALUE');
  for (const line of table(rows)) session.print(line);
  return 0;
}

/** Prints one value, byte for byte and a newline. @throws not-found */
export async function configGet(session: Session): Promise<number> {
  const key = parseEnvKey(session.words[0]!);
  const { version, entries } = await read(session, true);
  const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
  if (typeof value !== 'string') throw fail('not-found', `${key} is not set`, { advice: 'See: lockstep config' });
  if (session.isJson) session.printJson({ version, key, value });
  else session.print(value);
  return 0;
}

/** Sets what the operands and `--file` say. @throws bad-env, bad-request */
export async function configSet(session: Session): Promise<number> {
  const file = session.text('file');
  const words = [...(file === undefined ? [] : await pairsOf(session, file)), ...session.words];
  if (session.has('build') && words.length > 0)
    return (await import('./build-secrets.ts')).setBuildSecrets(session, words.map(splitPair));
  const set = parsePairs(words);
  if (set.size === 0) throw fail('bad-request', 'there is nothing to set', { advice: 'lockstep config set KEY=VALUE' });
  return change(session, { set: Object.fromEntries(set) }, `config: ${[...set.keys()].join(', ')} set`);
}

/** @throws bad-env */
export async function configUnset(session: Session): Promise<number> {
  if (session.has('build')) return (await import('./build-secrets.ts')).unsetBuildSecrets(session);
  const unset = session.words.map(parseEnvKey);
  return change(session, { unset }, `config: ${unset.join(', ')} unset`);
}

async function change(session: Session, wanted: object, how: string): Promise<number> {
  const app = await session.app();
  const api = await session.api();
  const sentAt = performance.now();
  type Answer = { version: number; started: Started | null };
  const { body } = await api.send<Answer>('PATCH', `/api/v1/apps/${app}/config`, wanted);
  if (body.started) {
    return finish(session, {
      verb: 'config change',
      how,
      started: body.started,
      sentAt,
      extra: { configVersion: body.version },
    });
  }
  if (session.isJson) session.printJson({ configVersion: body.version, ok: true, started: null });
  else session.print(`config ${body.version}: nothing to restart (no change, or no release yet)`);
  return 0;
}

/** `K=V` words as a map; the value is everything after the first `=`. @throws bad-env, bad-request */
export function parsePairs(words: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [name, value] of words.map(splitPair)) {
    const key = parseEnvKey(name);
    pairs.set(key, parseEnvValue(key, value));
  }
  return pairs;
}

function splitPair(word: string): [string, string] {
  const at = word.indexOf('=');
  if (at >= 0) return [word.slice(0, at), word.slice(at + 1)];
  throw fail('bad-request', `"${printable(word)}" is not KEY=VALUE`, {
    advice: 'To remove one: lockstep config unset KEY',
  });
}

/** Lines of an environment file: blank ones and comments are left out, `export ` and one pair of quotes are taken off. */
export function envLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/^export\s+/, '').replace(/^([^=]*)=(["'])(.*)\2$/, '$1=$3'));
}

async function pairsOf(session: Session, file: string): Promise<string[]> {
  const { readText } = await import('../read-text.ts');
  return envLines(await readText(session.io, file));
}
