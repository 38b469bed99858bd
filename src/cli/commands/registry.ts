// `lockstep registry`, `registry login`, `registry logout`. A password comes from a file, from a pipe, or is typed unseen; never from the
// command line, where others could read it.
import { fail } from '../../domain/errors.ts';
import { parseRegistryHost } from '../../domain/image-reference.ts';
import { printable } from '../../domain/names.ts';
import { table } from '../present/table.ts';
import { ago } from '../present/text.ts';
import { ask } from '../prompt.ts';
import { readText } from '../read-text.ts';
import type { Session } from '../session.ts';
import type { RegistryView } from './views.ts';

const path = '/api/v1/registries';

export async function registry(session: Session): Promise<number> {
  const { items } = await (await session.api()).get<{ items: RegistryView[] }>(path);
  if (session.isJson) session.printJson(items);
  else
    for (const line of table(
      items.map(({ host, username, actor, createdAt }) => [
        ...[host, printable(username), `by ${printable(actor)}`, ago(Date.parse(createdAt), Date.now())],
      ]),
    ))
      session.print(line);
  return 0;
}

/** @throws bad-image, bad-request, forbidden */
export async function registryLogin(session: Session): Promise<number> {
  const host = parseRegistryHost(session.words[0]!);
  const username = session.text('username');
  if (username === undefined) throw fail('bad-request', 'who is to be logged in?', { advice: 'Add --username NAME.' });
  const password = (await passwordFrom(session, host)).replace(/\r?\n$/, '');
  if (password === '') throw fail('bad-request', 'the password is empty', { advice: 'Type it, or pipe it in.' });
  await (await session.api()).send('POST', path, { host, username, password });
  if (session.isJson) session.printJson({ host, username });
  else session.print(`Images of ${host} are pulled as ${printable(username)}`);
  return 0;
}

/** @throws bad-image, not-found */
export async function registryLogout(session: Session): Promise<number> {
  const host = parseRegistryHost(session.words[0]!);
  await (await session.api()).send('DELETE', `${path}/${encodeURIComponent(host)}`);
  if (session.isJson) session.printJson({ host });
  else session.print(`${host} is asked without a name`);
  return 0;
}

async function passwordFrom(session: Session, host: string): Promise<string> {
  const file = session.text('password-file');
  if (file !== undefined) return readText(session.io, file);
  if (session.io.stdin.isTTY) return ask(session.io, `Password for ${host}: `, true);
  return readText(session.io, '-');
}
