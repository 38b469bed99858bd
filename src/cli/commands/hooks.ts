// `lockstep hooks`, `hooks create`, `hooks rotate`, `hooks delete`. A secret is shown once, when it is made.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { nearest } from '../nearest.ts';
import { table } from '../present/table.ts';
import { ago } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { HookView, NewHookView } from './views.ts';

const pathOf = async (session: Session): Promise<string> => `/api/v1/apps/${await session.app()}/hooks`;

export async function hooks(session: Session): Promise<number> {
  const { items } = await (await session.api()).get<{ items: HookView[] }>(await pathOf(session));
  if (session.isJson) session.printJson(items);
  else for (const line of table(items.map((hook) => row(hook, Date.now())))) session.print(line);
  return 0;
}

/** @throws name-taken, bad-request, forbidden */
export async function hooksCreate(session: Session): Promise<number> {
  const path = await pathOf(session);
  const { body } = await (await session.api()).send<NewHookView>('POST', path, { name: session.words[0] });
  return show(session, body);
}

/** @throws not-found */
export async function hooksRotate(session: Session): Promise<number> {
  const { id } = await find(session);
  const path = `${await pathOf(session)}/${encodeURIComponent(id)}/secrets`;
  return show(session, (await (await session.api()).send<NewHookView>('POST', path, {})).body);
}

/** @throws not-found */
export async function hooksDelete(session: Session): Promise<number> {
  const { id, name } = await find(session);
  await (await session.api()).send('DELETE', `${await pathOf(session)}/${encodeURIComponent(id)}`);
  if (session.isJson) session.printJson({ deleted: id, name });
  else session.print(`${name} is heard no more`);
  return 0;
}

/** @throws not-found: the app follows no image */
export async function hooksAfter(session: Session): Promise<number> {
  const path = `/api/v1/apps/${await session.app()}/after`;
  const api = await session.api();
  const { words } = session;
  const isAsked = words.length === 0 && !session.has('none');
  const { argv } = isAsked
    ? await api.get<{ argv: string[] }>(path)
    : (await api.send<{ argv: string[] }>('POST', path, { argv: session.has('none') ? null : words })).body;
  if (session.isJson) session.printJson({ argv });
  else session.print(argv.length === 0 ? 'nothing runs after a deploy' : argv.map(printable).join(' '));
  return 0;
}

async function find(session: Session): Promise<HookView> {
  const wanted = session.words[0]!;
  const { items } = await (await session.api()).get<{ items: HookView[] }>(await pathOf(session));
  const found = items.find(({ id, name }) => id === wanted || name === wanted);
  if (found) return found;
  const near = nearest(
    wanted,
    items.map(({ name }) => name),
  );
  throw fail('not-found', `there is no hook "${printable(wanted)}"`, {
    advice: near ? `Did you mean ${near}?` : 'See: lockstep hooks',
  });
}

async function show(session: Session, hook: NewHookView): Promise<number> {
  if (hook.secret === null || hook.secretPath === null) {
    throw fail('conflict', `the hook ${hook.name} was made, but its secret was lost with the connection`, {
      advice: `Have another made: lockstep hooks rotate ${hook.name}`,
    });
  }
  const { url } = await session.server();
  const at = (path: string): string => new URL(path, url).href;
  if (session.isJson) {
    session.printJson({ ...hook, url: at(hook.path), secretUrl: at(hook.secretPath) });
    return 0;
  }
  session.note(`Hook ${hook.name}. The secret is shown this once.`);
  for (const line of table([
    ['address', at(hook.path), 'for senders that sign, or send the secret in a header'],
    ['secret', hook.secret],
    ['with it', at(hook.secretPath), 'for senders that do neither'],
  ]))
    session.print(line);
  return 0;
}

function row(hook: HookView, nowMs: number): string[] {
  const heard =
    hook.heardAt === null ? 'never heard' : `${printable(hook.heard ?? '')} ${ago(Date.parse(hook.heardAt), nowMs)}`;
  return [hook.name, hook.id, heard, `made ${ago(Date.parse(hook.rotatedAt ?? hook.createdAt), nowMs)}`];
}
