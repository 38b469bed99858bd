// What a server says of the app of a checkout, for `lockstep local`: asked when there is one, and missed by nobody who does not need it.

import { fail, isFailure } from '../../domain/errors.ts';
import type { LiveFacts } from '../../domain/live.ts';
import type { Session } from '../session.ts';

/** null: no server is known, or it says nothing; why is noted. @throws when it must be (`--live`), and whatever is no error of a server's */
export async function askLive(session: Session, isNeeded: boolean): Promise<LiveFacts | null> {
  try {
    const app = await session.app();
    return await (await session.api()).get<LiveFacts>(`/api/v1/apps/${app}/live`);
  } catch (error) {
    if (isNeeded || !isFailure(error)) throw error;
    session.note(`not held against what is live: ${error.message}`);
    return null;
  }
}

export type LocalEnv = { config: Record<string, string>; missing: readonly string[]; onlyHere: readonly string[] };

/** Values come from --env-file alone: those of the server are never asked for. @throws bad-env, bad-request */
export async function localEnv(session: Session, live: LiveFacts | null): Promise<LocalEnv> {
  const config = await valuesOf(session, 'env-file');
  const names = live?.configNames ?? [];
  return {
    config,
    missing: names.filter((name) => !Object.hasOwn(config, name)),
    onlyHere: live === null ? [] : Object.keys(config).filter((name) => !names.includes(name)),
  };
}

/** Of the file that an option names. @throws bad-env, bad-request */
export async function valuesOf(
  session: Session,
  option: 'env-file' | 'build-secrets',
): Promise<Record<string, string>> {
  const file = session.text(option);
  if (file === undefined) return {};
  const { envLines, parsePairs } = await import('./config.ts');
  const { readText } = await import('../read-text.ts');
  return Object.fromEntries(parsePairs(envLines(await readText(session.io, file))));
}

export function noteEnv(session: Session, { missing, onlyHere }: LocalEnv): void {
  const how = session.text('env-file') === undefined ? ' (--env-file FILE sets them)' : '';
  if (missing.length > 0) session.note(`not set here, but on the server: ${missing.join(', ')}${how}`);
  if (onlyHere.length > 0) session.note(`set here, and not on the server: ${onlyHere.join(', ')}`);
}

/** @throws bad-request for a port that is none */
export function portOption(session: Session): number | null {
  const port = session.number('port', 1, 65_535);
  if (port !== null && port < 1024 && process.getuid?.() !== 0)
    throw fail('bad-request', `only root may listen on port ${port}`, { advice: 'Give one from 1024 on.' });
  return port;
}
