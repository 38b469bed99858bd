// `lockstep changes`: what was proposed for main and what became of it, newest first.
import type { Paint } from '../present/paint.ts';
import { table } from '../present/table.ts';
import { ago, safeLine, short } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { ChangeView } from './views.ts';

/** Prints the last `-n` changes (20 unless told). */
export async function changes(session: Session): Promise<number> {
  const count = session.number('n', 1, 10_000) ?? 20;
  const app = await session.app();
  const items = await (await session.api()).list<ChangeView>(`/api/v1/apps/${app}/changes`, count);
  if (session.isJson) session.printJson(items);
  else for (const line of table(changeRows(items, session.paint, Date.now()))) session.print(line);
  return 0;
}

/** One row a change. */
export function changeRows(items: readonly ChangeView[], paint: Paint, nowMs: number): string[][] {
  return items.map((change) => [
    `#${change.number}`,
    change.state === 'landed' ? paint.green(change.state) : paint.yellow(change.state),
    change.how,
    short(change.head),
    change.actor,
    ago(Date.parse(change.createdAt), nowMs),
    safeLine(change.reason ?? '').slice(0, 100),
  ]);
}
