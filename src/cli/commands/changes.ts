// `lockstep changes`: what was proposed for main and what became of it, newest first.
import { changeStates } from '../../domain/change.ts';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import type { Paint } from '../present/paint.ts';
import { table } from '../present/table.ts';
import { ago, safeLine, short } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { ChangeView } from './views.ts';

/** Prints the last `-n` changes (20 unless told). */
export async function changes(session: Session): Promise<number> {
  const count = session.number('n', 1, 10_000) ?? 20;
  const app = await session.app();
  const state = session.text('state');
  const states: readonly string[] = [...changeStates, 'running'];
  if (state !== undefined && !states.includes(state))
    throw fail('bad-request', `"${printable(state)}" is no state of a change`, {
      advice: `One of ${states.join(', ')}.`,
    });
  const path = `/api/v1/apps/${app}/changes${state === undefined ? '' : `?state=${state}`}`;
  const items = await (await session.api()).list<ChangeView>(path, count);
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
