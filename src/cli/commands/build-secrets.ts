// `lockstep config --build` and its `set` and `unset`: what the builds of an app's image may read. Names are listed, values never.
import { parseBuildSecret, parseBuildSecretName } from '../../domain/build-inputs.ts';
import { printable } from '../../domain/names.ts';
import { table } from '../present/table.ts';
import { ago } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { BuildSecretView } from './views.ts';

type Listed = { items: BuildSecretView[] };

const pathOf = async (session: Session): Promise<string> => `/api/v1/apps/${await session.app()}/build-secrets`;

export async function buildSecrets(session: Session): Promise<number> {
  const path = await pathOf(session);
  const { items } = await (await session.api()).get<Listed>(path);
  if (session.isJson) session.printJson(items);
  else if (items.length === 0) session.note('No build secret yet. Set some: lockstep config set --build NAME=VALUE');
  else
    for (const line of table(
      items.map(({ name, actor, createdAt }) => [
        ...[name, '(hidden)', `by ${printable(actor)}`, ago(Date.parse(createdAt), Date.now())],
      ]),
    ))
      session.print(line);
  return 0;
}

/** @throws bad-env, too-large */
export async function setBuildSecrets(
  session: Session,
  pairs: readonly (readonly [string, string])[],
): Promise<number> {
  const set = pairs.map(([name, value]) => [parseBuildSecretName(name), parseBuildSecret(name, value)] as const);
  return change(session, { set: Object.fromEntries(set) }, `${set.map(([name]) => name).join(', ')} set`);
}

/** @throws bad-env */
export async function unsetBuildSecrets(session: Session): Promise<number> {
  const unset = session.words.map(parseBuildSecretName);
  return change(session, { unset }, `${unset.join(', ')} unset`);
}

async function change(session: Session, wanted: object, what: string): Promise<number> {
  const path = await pathOf(session);
  const { body } = await (await session.api()).send<Listed>('PATCH', path, wanted);
  if (session.isJson) session.printJson(body.items);
  else session.print(`build secrets: ${what}; the next build that needs them gets them`);
  return 0;
}
