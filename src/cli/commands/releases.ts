// `lockstep releases`: what was live, newest first.
import type { Paint } from '../present/paint.ts';
import { table } from '../present/table.ts';
import { ago, safeLine, short } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { ReleaseView } from './views.ts';

/** Prints the last `-n` releases (20 unless told). */
export async function releases(session: Session): Promise<number> {
  const count = session.number('n', 1, 10_000) ?? 20;
  const app = await session.app();
  const items = await (await session.api()).list<ReleaseView>(`/api/v1/apps/${app}/releases`, count);
  if (session.isJson) session.printJson(items);
  else if (items.length === 0) session.note(`${app} has no releases yet. Deploy with: git push lockstep main`);
  else for (const line of table(releaseRows(items, session.paint, Date.now()))) session.print(line);
  return 0;
}

/** One row a release. */
export function releaseRows(items: readonly ReleaseView[], paint: Paint, nowMs: number): string[][] {
  const colours: Record<string, (text: string) => string> = { live: paint.green, failed: paint.red };
  return items.map((release) => [
    release.version === null ? '-' : `v${release.version}`,
    (colours[release.state] ?? ((text: string) => text))(release.state),
    release.cause,
    short(release.commit),
    `config ${release.configVersion}`,
    release.actor,
    ago(Date.parse(release.liveAt ?? release.createdAt), nowMs),
    safeLine(release.reason ?? release.description).slice(0, 100),
  ]);
}
