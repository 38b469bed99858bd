// Build secrets: set and unset by who may configure the app, and read by its builds alone. No release follows: what is built is built, and the
// next build that runs a step which mounts one gets the value of then.
import type { ImageWork } from '../../build/image-work.ts';
import type { App, Principal } from '../../domain/app.ts';
import {
  type BuildAnswers,
  buildSecretsBytes,
  type KnownBuildSecret,
  mostBuildSecrets,
} from '../../domain/build-inputs.ts';
import { fail } from '../../domain/errors.ts';
import { buildSecretsOf, dropBuildSecret, keepBuildSecret, listBuildSecrets } from '../../store/build-secrets.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, nowMs, type World } from '../world.ts';
import { loginFor } from './registry-logins.ts';

export type BuildSecretsWanted = { set: ReadonlyMap<string, string>; unset: readonly string[] };

/** @throws too-large for more than an app may have */
export function changeBuildSecrets(
  world: World,
  principal: Principal,
  app: App,
  { set, unset }: BuildSecretsWanted,
): readonly KnownBuildSecret[] {
  const { database } = world;
  const by = { actor: principal.name, nowMs: Math.round(nowMs()) };
  inTransaction(database, () => {
    const gone = unset.filter((name) => dropBuildSecret(database, app.id, name));
    for (const [name, value] of set) keepBuildSecret(database, app, { name, value }, by);
    const all = Object.entries(buildSecretsOf(database, app.id));
    const bytes = all.reduce((sum, [name, value]) => sum + Buffer.byteLength(JSON.stringify([name, value])), 0);
    if (all.length > mostBuildSecrets || bytes > buildSecretsBytes)
      throw fail(
        'too-large',
        `an app may have ${mostBuildSecrets} build secrets of ${buildSecretsBytes} bytes in all`,
        {
          advice: 'Unset those that no Dockerfile mounts any more: lockstep config --build',
        },
      );
    if (set.size + gone.length > 0)
      appendEvent(
        database,
        eventOf({ teamId: app.teamId, appId: app.id, actor: by.actor }, 'build-secrets.changed', {
          set: [...set.keys()],
          unset: gone,
        }),
      );
  });
  world.announce();
  return listBuildSecrets(database, app.id);
}

/** What the builder gets of what it will ask; null: it need not ask. @throws install-failed for a secret that has no value */
export function answersFor(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  { secrets: names, registries }: ImageWork['asks'],
): BuildAnswers | null {
  const logins: Record<string, { username: string; password: string }> = {};
  for (const host of registries) {
    const login = loginFor(world, app, host);
    if (login !== null) logins[host] = { username: login.username, password: login.password };
  }
  if (names.length === 0) return Object.keys(logins).length === 0 ? null : { secrets: {}, logins };
  const known = buildSecretsOf(world.database, app.id);
  const missing = names.filter((name) => !Object.hasOwn(known, name));
  if (missing.length > 0)
    throw fail(
      'install-failed',
      `the image cannot be built: no value is known of its build secret ${missing.join(', ')}`,
      {
        advice: `Set it, and push again: lockstep config set --build --file - (a line: ${missing[0]}=VALUE)`,
      },
    );
  return { secrets: Object.fromEntries(names.map((name) => [name, known[name]!])), logins };
}
