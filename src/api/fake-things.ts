// What the fake platform has in it: an app's changes, its release, its config and its ledger, and a doctor's report.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { App } from '../domain/app.ts';
import { type DoctorReport, problem } from '../domain/doctor.ts';
import { fail } from '../domain/errors.ts';
import {
  type ChangeId,
  type CommitId,
  type Digest,
  type HookId,
  type IdPrefix,
  type ImageId,
  makeId,
  type ReleaseId,
  type TreeId,
} from '../domain/ids.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import type { LiveFacts } from '../domain/live.ts';
import { parseBranch } from '../domain/names.ts';
import { defaultLimits } from '../domain/plan.ts';
import { insertConfig } from '../store/app-config.ts';
import { followImage } from '../store/app-images.ts';
import { keepBuildSecret } from '../store/build-secrets.ts';
import { insertChange } from '../store/changes.ts';
import { insertHook } from '../store/hooks.ts';
import { keepRegistry } from '../store/registries.ts';
import { insertRelease } from '../store/releases.ts';
import { appendEvent } from '../store/transition.ts';

export const id = <P extends IdPrefix>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

/** An app that is an image. */
export const live = (app: App): LiveFacts => ({
  ...{ app: app.name, appId: app.id, node: id('nod') },
  release: { version: 1, commit: 'a'.repeat(40) as CommitId, tree: 'b'.repeat(40) as TreeId },
  start: {
    ...{ command: { shell: 'serve' }, env: { MODE: 'fast' }, limits: defaultLimits, volumes: { data: 'data' } },
    health: { path: '/', timeoutMs: 60_000 },
  },
  configNames: ['SECRET_KEY'],
  image: {
    ...{
      id: `sha256:${'c'.repeat(64)}` as ImageId,
      ports: [8080],
      hasOwnCommand: true,
      isGenerated: true,
      pulled: null,
    },
    details: {
      layers: [`sha256:${'d'.repeat(64)}`],
      platform: 'linux/amd64',
      config: `sha256:${'e'.repeat(64)}`,
      engine: '1',
    },
  },
});

/** One problem, when an app is named; else none. */
export function report(app: App | null): DoctorReport {
  return {
    problems: app ? [problem('main-moved', app.name, 'main is 1111111, live is 2222222')] : [],
    checked: [{ what: 'apps', count: 2 }],
    notes: ['the cpu limit needs a writable cgroup controller'],
    machine: {
      ...{ version: '0', agent: 'lockstep-agent/0', git: '2.39.5', node: 'v26', interpreters: ['python 3.11.2'] },
      ...{ tools: [], enforcement: { memory: true }, disk: { freeBytes: 2 ** 30, totalBytes: 2 ** 34 } },
      engine: { state: 'absent', what: 'none: there is no /var/run/docker.sock', advice: 'Install one.' },
    },
    durationMs: 12,
  };
}

/** Three changes, a release, a config value, a hook, a registry and an event of an app; the ids of a change, the release and the hook. */
export function seed(database: DatabaseSync, app: App): { change: ChangeId; release: ReleaseId; hook: HookId } {
  const owner = { teamId: app.teamId, appId: app.id, actor: 'owner' };
  const commit = 'a'.repeat(40) as CommitId;
  const changes = [1, 2, 3].map((n) =>
    insertChange(database, {
      ...owner,
      id: id('chg'),
      how: 'push',
      branch: parseBranch('main'),
      base: null,
      head: commit,
      moments: { received: n },
      createdAtMs: n,
    }),
  );
  const release = id('rel');
  insertRelease(database, {
    ...owner,
    id: release,
    cause: 'deploy',
    commit,
    treeId: commit as TreeId,
    artifactDigest: `sha256:${'b'.repeat(64)}` as Digest,
    configVersion: 1,
    setId: id('set'),
    changeId: changes[0]!.id,
    description: 'Deploy aaaaaaa',
    docs: [],
    createdAtMs: 1,
  });
  insertConfig(database, owner, { SECRET_KEY: 'hunter2' }, 'owner', 1);
  followImage(database, app, parseImageReference('ghcr.io/team/web:latest'));
  const hook = id('hok');
  insertHook(database, app, { id: hook, name: 'ci', hash: hook, createdAtMs: 1 });
  const login = { host: 'ghcr.io', username: 'ann', password: 'hunter3' };
  keepRegistry(database, app, login, { actor: 'owner', nowMs: 1 });
  keepBuildSecret(database, app, { name: 'NPM_TOKEN', value: 'hunter4' }, { actor: 'owner', nowMs: 1 });
  for (const change of changes)
    appendEvent(database, {
      ...owner,
      id: id('evt'),
      changeId: change.id,
      releaseId: null,
      type: 'change.received',
      atMs: 1,
      data: {},
    });
  return { change: changes[0]!.id, release, hook };
}

export function missing(what: string): never {
  throw fail('not-found', `there is no such ${what}`);
}
