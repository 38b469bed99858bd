// `lockstep open`: the app's page, or its documentation, in the browser, or its address with --print and where no browser can be started.

import { fail } from '../../domain/errors.ts';
import { startDetached } from '../../exec/run-attached.ts';
import type { Session } from '../session.ts';
import type { AppView } from './views.ts';

/** Exit 0 when the browser was started or the address was printed. */
export async function open(session: Session): Promise<number> {
  const name = await session.app();
  const app = await (await session.api()).get<AppView>(`/api/v1/apps/${name}`);
  const url = session.has('docs') ? app.docsUrl : app.url;
  if (url === null)
    throw fail('not-found', `what is live of ${name} has no documentation`, {
      advice: 'The gate publishes what its docs checks build; see docs/published.md.',
    });
  if (session.isJson) session.printJson({ url });
  else session.print(url);
  if (session.isJson || session.has('print') || !/^https?:\/\//.test(url)) return 0;
  const env = Object.fromEntries(
    Object.entries(session.io.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  if (await startDetached([program, url], { cwd: session.io.cwd, env })) return 0;
  session.note(`${program} is not here: open the address yourself`);
  return 0;
}
