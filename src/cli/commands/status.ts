// `lockstep status`: is main what is live? With --json the server's document, unchanged. Exit 0 only when it is IN SYNC.
import type { AppStatus } from '../../api/platform.ts';
import { statusLines } from '../present/status.ts';
import type { Session } from '../session.ts';

/** Prints the app's status; 0 when IN SYNC, else 1. */
export async function status(session: Session): Promise<number> {
  const app = await session.app();
  const document = await (await session.api()).get<AppStatus>(`/api/v1/apps/${app}/status`);
  if (session.isJson) session.printJson(document);
  else for (const line of statusLines(document, session.paint, Date.now())) session.print(line);
  return document.state === 'IN SYNC' ? 0 : 1;
}
