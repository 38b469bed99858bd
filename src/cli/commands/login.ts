// `lockstep login URL`: checks a token against the server and keeps it for this user. The token comes from a file, from a
// pipe, or is typed unseen; never from the command line, where others could read it.
import { fail } from '../../domain/errors.ts';
import { ask } from '../prompt.ts';
import { readText } from '../read-text.ts';
import { parseServerUrl } from '../server/address.ts';
import { openApi } from '../server/api.ts';
import { credentialsFolder, saveCredentials } from '../server/credentials.ts';
import type { Session } from '../session.ts';

/** @throws unauthenticated when the server does not know the token, bad-request */
export async function login(session: Session): Promise<number> {
  const url = parseServerUrl(session.words[0]!);
  const token = (await tokenFrom(session, url)).trim();
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw fail('bad-request', 'that is not a token', {
      advice: 'A token is one word; make one: lockstep tokens create NAME',
    });
  }
  const me = await openApi({ url, token }).get<{ name: string; rights: string[] }>('/api/v1/me');
  await saveCredentials(credentialsFolder(session.io.env), url, me.name, token);
  if (session.isJson) session.printJson({ url, name: me.name, rights: me.rights });
  else session.print(`Logged in to ${url} as ${me.name} (${me.rights.join(', ')})`);
  return 0;
}

async function tokenFrom(session: Session, url: string): Promise<string> {
  const file = session.text('token-file');
  if (file !== undefined) return readText(session.io, file);
  if (session.io.stdin.isTTY) return ask(session.io, `Token for ${url}: `, true);
  return readText(session.io, '-');
}
