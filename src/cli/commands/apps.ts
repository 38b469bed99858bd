// `lockstep apps`: every app that the token may see.
import { table } from '../present/table.ts';
import { ago } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { AppView } from './views.ts';

/** The most apps that are listed. */
const appLimit = 10_000;

/** Prints name, address, main branch and age of each. */
export async function apps(session: Session): Promise<number> {
  const items = await (await session.api()).list<AppView>('/api/v1/apps', appLimit);
  if (session.isJson) session.printJson(items);
  else if (items.length === 0) session.note('No apps yet. Make one in its work tree: lockstep create NAME');
  for (const line of session.isJson ? [] : table(appRows(items, Date.now()))) session.print(line);
  return 0;
}

/** One row an app. */
function appRows(items: readonly AppView[], nowMs: number): string[][] {
  return items.map((app) => [app.name, app.url, app.mainBranch ?? '-', ago(Date.parse(app.createdAt), nowMs)]);
}
