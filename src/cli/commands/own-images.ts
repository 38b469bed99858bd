// `lockstep registry images`, `registry public`, `registry private`, `registry quota`, `registry tidy`: what is in the server's own registry.
import { fail } from '../../domain/errors.ts';
import { appOfRepository, parseRepositoryPath } from '../../domain/own-image.ts';
import { table } from '../present/table.ts';
import { bytesText } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { FreedView, OwnImagesView } from './views.ts';

export async function registryImages(session: Session): Promise<number> {
  const path = `/api/v1/apps/${await session.app()}/images`;
  const images = await (await session.api()).get<OwnImagesView>(path);
  if (session.isJson) session.printJson(images);
  else {
    const rows = images.repositories.map(({ name, isPublic, bytes, tags }) => [
      ...[name, isPublic ? 'public' : 'private', bytesText(bytes), tags === 1 ? '1 tag' : `${tags} tags`],
    ]);
    for (const line of table(rows)) session.print(line);
    session.print(`${bytesText(images.bytes)} of ${bytesText(images.mostBytes)}`);
  }
  return 0;
}

/** @throws bad-image, not-found, forbidden */
export const registryPublic = (session: Session): Promise<number> => setVisibility(session, true);
export const registryPrivate = (session: Session): Promise<number> => setVisibility(session, false);

async function setVisibility(session: Session, isPublic: boolean): Promise<number> {
  const repository = parseRepositoryPath(session.words[0]!);
  const path = `/api/v1/apps/${encodeURIComponent(appOfRepository(repository))}/images/visibility`;
  await (await session.api()).send('POST', path, { repository, isPublic });
  if (session.isJson) session.printJson({ repository, isPublic });
  else session.print(isPublic ? `Anybody may pull ${repository}` : `Who may read the app pulls ${repository}`);
  return 0;
}

/** @throws bad-request, not-found, forbidden */
export async function registryQuota(session: Session): Promise<number> {
  const app = await session.app();
  const mostBytes = session.words[0] === 'usual' ? null : parseSize(session.words[0]!);
  await (await session.api()).send('POST', `/api/v1/apps/${app}/images/quota`, { mostBytes });
  if (session.isJson) session.printJson({ app, mostBytes });
  else session.print(`The images of ${app} may hold ${mostBytes === null ? 'the usual' : bytesText(mostBytes)}`);
  return 0;
}

/** @throws busy, not-found, forbidden, registry-away */
export async function registryTidy(session: Session): Promise<number> {
  const { body } = await (await session.api()).send<FreedView>('POST', '/api/v1/registry/tidyings', {});
  if (session.isJson) session.printJson(body);
  else
    session.print(
      `${body.images} ${body.images === 1 ? 'image' : 'images'} that nothing needs and ${body.repositories} ` +
        `${body.repositories === 1 ? 'repository' : 'repositories'} of destroyed apps are gone: ${bytesText(Math.max(0, body.bytes))} freed`,
    );
  return 0;
}

const units: Readonly<Record<string, number>> = { MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

/** `500MB`, `20GB`. @throws bad-request */
function parseSize(text: string): number {
  const [, number, unit] = /^(\d{1,6})(MB|GB|TB)$/i.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw fail('bad-request', `"${text.slice(0, 40)}" is no size`, { advice: 'Say it as 500MB, 20GB, or usual.' });
  return Number(number) * units[unit.toUpperCase()]!;
}
