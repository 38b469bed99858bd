// `lockstep ps`: the app's processes as the agent reports them.
import type { AppStatus } from '../../api/platform.ts';
import { instanceTable } from '../present/status.ts';
import { table } from '../present/table.ts';
import type { Session } from '../session.ts';

/** Prints one line a process; exit 0 when there is none, too. */
export async function ps(session: Session): Promise<number> {
  const app = await session.app();
  const { instances } = await (await session.api()).get<AppStatus>(`/api/v1/apps/${app}/status`);
  if (session.isJson) session.printJson(instances);
  else if (instances.length === 0) session.note(`${app} has no processes`);
  else for (const line of table(instanceTable(instances, session.paint, Date.now()))) session.print(line);
  return 0;
}
