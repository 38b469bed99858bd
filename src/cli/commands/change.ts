// `lockstep change`: one change with its verdict, and with --follow also its words as they come, from whatever terminal.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { changeHead, changeLines } from '../present/change.ts';
import { safeLine } from '../present/text.ts';
import { followProgress } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';
import type { ChangeDetailView, ChangeView } from './views.ts';

/** Of the change that is named, else the newest. With `--follow` the exit code is 0 only when it landed. @throws not-found */
export async function change(session: Session): Promise<number> {
  const app = await session.app();
  const which = session.words[0] === undefined ? await newest(session, app) : parseChange(session.words[0]);
  const path = `/api/v1/apps/${app}/changes/${which}?excerpts=true`;
  const api = await session.api();
  let found = await api.get<ChangeDetailView>(path);
  if (session.has('follow')) {
    if (found.endedAt === null && !session.isJson) session.note(changeHead(found, session.paint, Date.now()));
    await followToEnd(session, app, found.id);
    found = await api.get<ChangeDetailView>(path);
  }
  if (session.isJson) session.printJson(found);
  else for (const line of changeLines(found, session.paint, Date.now())) session.print(line);
  if (found.endedAt === null) session.note(`it is on its way: lockstep change ${found.number} --follow`);
  return session.has('follow') && found.state !== 'landed' ? 1 : 0;
}

async function followToEnd(session: Session, app: string, id: string): Promise<void> {
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  const started = { kind: 'change' as const, id, progress: `/api/v1/apps/${app}/progress/${id}` };
  try {
    await followProgress(await session.api(), started, {
      signal: stop.signal,
      onLine: (line) => session.note(safeLine(line)),
      note: (line) => session.note(line),
    });
  } finally {
    forget();
  }
}

async function newest(session: Session, app: string): Promise<string> {
  const [found] = await (await session.api()).list<ChangeView>(`/api/v1/apps/${app}/changes`, 1);
  if (found === undefined)
    throw fail('not-found', `nothing was proposed for ${app} yet`, { advice: 'Push to its main branch.' });
  return found.id;
}

/** `42`, `#42` or an id. @throws bad-request */
function parseChange(text: string): string {
  const number = /^#?([1-9]\d{0,8})$/.exec(text)?.[1];
  if (number !== undefined) return number;
  if (/^chg_[0-9A-Za-z]{1,40}$/.test(text)) return text;
  throw fail('bad-request', `"${printable(text)}" is not a change`, {
    advice: 'Name it by its number; see: lockstep changes',
  });
}
