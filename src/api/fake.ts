// The verbs of the doors for tests: what the store can answer comes from a real database, and long work is a script.
// Two teams stand in it: `ours` with the apps blog and shop, `theirs` with the app foreign.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { LogLine } from '../domain/agent.ts';
import { type App, type Principal, type Right, rights } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { FlakyTest } from '../domain/gate-run.ts';
import type { AppId, CommitId, TeamId } from '../domain/ids.ts';
import type { JobEvent } from '../domain/job.ts';
import { type AppName, parseAppName, parseBranch, parseHostname } from '../domain/names.ts';
import { currentConfig, insertConfig } from '../store/app-config.ts';
import { followImage } from '../store/app-images.ts';
import { deleteApp, findApp, insertApp, isBadgePublic, listApps, publicBadge, setBadgePublic } from '../store/apps.ts';
import { changeOfNumber, findChange, listChanges, queuedChanges, verdictOfChange } from '../store/changes.ts';
import { listEvents } from '../store/events.ts';
import { keepAnswer, recallAnswer } from '../store/idempotency.ts';
import { openDatabase } from '../store/open.ts';
import { findRelease, listReleases } from '../store/releases.ts';
import { insertToken, listTokens, principalOf, revokeToken } from '../store/tokens.ts';
import { fakeImages } from './fake-images.ts';
import { id, live, missing, report, seed } from './fake-things.ts';
import type { Platform, Progress } from './platform.ts';

export type FakePlatform = Platform & {
  database: DatabaseSync;
  /** Names of the verbs that changed something, in order. */
  calls: string[];
  /** What streams give, one after the other; after the last they wait for their signal when `isEndless`. */
  script: { progress: Progress[]; lines: LogLine[]; job: JobEvent[]; isEndless: boolean };
  /** Streams whose signal aborted. */
  ended: number;
  /** Resolves before a verb that starts long work does it; for requests that run at once. */
  gate: Promise<void>;
  flaky: FlakyTest[];
  /** What every receipt is. */
  receiptFile: string;
  token(team: 'ours' | 'theirs', granted: readonly Right[], options?: TokenOptions): string;
  app(name: string): App;
  ids: ReturnType<typeof seed>;
};
type TokenOptions = { apps?: string[]; expiresAtMs?: number; isRevoked?: boolean; name?: string };

/** A platform with a database in memory. */
export function createFakePlatform(): FakePlatform {
  const database = openDatabase(':memory:');
  const team = (name: string): Principal => {
    const teamId = id('tea');
    database.prepare('INSERT INTO teams VALUES (?, ?, 0)').run(teamId, name);
    return { tokenId: null, name, teamId, rights, appIds: null };
  };
  const teams = { ours: team('ours'), theirs: team('theirs') };
  const create = (who: Principal, name: AppName) =>
    insertApp(database, who, {
      id: id('app'),
      name,
      mainBranch: parseBranch('main'),
      hosts: [parseHostname(`${name}.localhost`)],
      createdAtMs: 1_700_000_000_000,
    });
  for (const name of ['blog', 'shop']) create(teams.ours, parseAppName(name));
  const foreign = create(teams.theirs, parseAppName('foreign'))!;
  const blog = findApp(database, teams.ours, parseAppName('blog'))!;
  seed(database, foreign);
  const ids = seed(database, blog);

  const insertTokenOf = (
    teamId: TeamId,
    name: string,
    granted: readonly Right[],
    appIds: AppId[] | null,
    expiresAtMs: number | null,
  ) => {
    const secret = `lst_${randomBytes(24).toString('base64url')}`;
    const token = { id: id('tok'), name, rights: granted, appIds, createdAtMs: 1_700_000_000_000, expiresAtMs };
    insertToken(database, { ...token, teamId, secret });
    return { token: { ...token, revokedAtMs: null }, secret };
  };

  async function* scripted<T>(items: readonly T[], signal: AbortSignal): AsyncGenerator<T> {
    yield* items;
    if (!fake.script.isEndless) return;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    fake.ended += 1;
  }
  const begin = async (call: string): Promise<void> => {
    await fake.gate;
    fake.calls.push(call);
  };

  const fake: FakePlatform = {
    database,
    calls: [],
    ended: 0,
    gate: Promise.resolve(),
    flaky: [],
    receiptFile: 'a receipt\n',
    ids,
    script: {
      progress: [{ line: 'building' }, { end: { ok: true, state: 'landed', reason: null, version: 2, durationMs: 5 } }],
      lines: [1, 2, 3].map((n) => ({ atMs: n, instanceId: id('ins'), type: 'web', release: 'v1', line: `line ${n}` })),
      job: [{ line: 'hello' }],
      isEndless: false,
    },
    token: (name, granted, { apps, expiresAtMs, isRevoked, name: label } = {}) => {
      const appIds = apps?.map((app) => findApp(database, teams[name], parseAppName(app))!.id) ?? null;
      const made = insertTokenOf(teams[name].teamId, label ?? granted.join('+'), granted, appIds, expiresAtMs ?? null);
      if (isRevoked) revokeToken(database, teams[name], made.token.id, 1);
      return made.secret;
    },
    app: (name) => findApp(database, teams.ours, parseAppName(name))!,

    urlOf: (app) => `http://${app.hosts[0]}:8080`,
    docsUrlOf: () => null,
    listReports: async () => [{ path: 'findings.json', bytes: 3 }],
    openReport: async (_principal, _app, _id, path) => {
      if (path !== 'findings.json') missing('report');
      const headers = { 'content-type': 'application/json', 'content-security-policy': 'sandbox' };
      return { status: 200, headers, bytes: '{}\n' };
    },
    quality: () => [],
    badge: async (_principal, _app, metric) => ({ label: metric, value: 'passing', colour: 'green' }),
    isBadgePublic: (_principal, app) => isBadgePublic(database, app.id),
    setBadgePublic: (_principal, app, isPublic) => setBadgePublic(database, app.id, isPublic),
    anyoneFor(name) {
      const app = publicBadge(database, name);
      return app && { tokenId: null, name: 'anyone', teamId: app.teamId, rights: ['read'], appIds: [app.id] };
    },
    gitUrlOf: (app) => `http://127.0.0.1:8080/${app.name}.git`,
    principalOf: (secret) => principalOf(database, secret, Date.now()),
    async createApp(principal, { name, image }) {
      await begin('createApp');
      const app = create(principal, name);
      if (!app) throw fail('name-taken', `the name "${name}" is taken`, { advice: 'Choose another name.' });
      if (image) followImage(database, app, image);
      return app;
    },
    listApps: (principal, after, limit) => listApps(database, principal, after, limit),
    findApp(principal, name) {
      const app = findApp(database, principal, name);
      if (!app) throw fail('not-found', `there is no app "${name}"`, { advice: 'List the apps.' });
      return app;
    },
    async destroyApp(principal, app, { volumes }) {
      await begin(`destroyApp ${volumes}`);
      deleteApp(database, principal, app.id);
    },
    status: async (_principal, app) => ({
      app: app.name,
      state: 'EMPTY',
      why: 'nothing was pushed yet',
      docsUrl: null,
      main: null,
      release: null,
      image: null,
      instances: [],
      router: { release: null, generation: null, instances: [] },
      served: null,
      problems: [],
      url: `http://${app.hosts[0]}:8080`,
    }),
    live: async (_principal, app) => live(app),
    liveImage: async () => ({ status: 200, headers: { 'content-type': 'application/x-tar' }, bytes: 'an archive' }),
    examine: async (_principal, app) => report(app),
    async repair(_principal, app) {
      await begin('repair');
      return { fixed: [{ code: 'main-moved', app: app?.name ?? null, what: 'main was moved' }], report: report(app) };
    },
    listReleases: (_principal, app, before, limit) => listReleases(database, app.id, before, limit),
    findRelease: (_principal, app, release) => findRelease(database, app.id, release) ?? missing('release'),
    receipt(_principal, app, which) {
      if (typeof which === 'number' ? which !== 1 : !findRelease(database, app.id, which)) missing('release');
      return fake.receiptFile;
    },
    publicKey: () => ({ keyId: `sha256:${'0'.repeat(64)}`, pem: '-----BEGIN PUBLIC KEY-----\n' }),
    async startRollback(_principal, _app, wanted) {
      await begin(`startRollback ${JSON.stringify(wanted)}`);
      return { kind: 'change', id: ids.change };
    },
    async startRestart() {
      await begin('startRestart');
      return { kind: 'release', id: ids.release };
    },
    follow: (_principal, _app, _id, signal) => scripted(fake.script.progress, signal),
    async startMerge(_principal, _app, wanted) {
      await begin(`startMerge ${JSON.stringify(wanted)}`);
      return { kind: 'change', id: ids.change };
    },
    async checkMerge(_principal, _app, { head }) {
      await begin('checkMerge');
      const about = { head: head ?? ('a'.repeat(40) as CommitId), base: 'b'.repeat(40) as CommitId };
      return { ...about, mergeable: 'no', reason: 'conflicts in app.py', conflicts: ['app.py'], verdict: null };
    },
    listMerges: (_principal, app) => queuedChanges(database, app.id),
    async cancelMerge(_principal, app, change) {
      if (!findChange(database, app.id, change)) missing('merge request');
      await begin('cancelMerge');
    },
    listChanges: (_principal, app, before, limit, filter) => listChanges(database, app.id, before, limit, filter),
    findChange(_principal, app, which) {
      const found =
        (typeof which === 'number' ? changeOfNumber(database, app.id, which) : findChange(database, app.id, which)) ??
        missing('change');
      return { ...found, verdict: verdictOfChange(database, app.id, found.id) };
    },
    sourceOf: async () => [{ file: 'a.py', line: 2, from: 1, lines: ['one', 'two', 'three'] }],
    flakyTests: () => fake.flaky,
    config: (_principal, app) => currentConfig(database, app.id),
    async changeConfig(principal, app, { set, unset }) {
      await begin('changeConfig');
      const kept = Object.entries(currentConfig(database, app.id).entries).filter(
        ([key]) => !unset.some((k) => k === key),
      );
      const entries = { ...Object.fromEntries(kept), ...Object.fromEntries(set) };
      const owner = { teamId: app.teamId, appId: app.id };
      const version = insertConfig(database, owner, entries, principal.name, 1);
      return { version, started: set.size > 0 ? { kind: 'release', id: ids.release } : null };
    },
    logs: (_principal, _app, { count }, signal) => scripted(fake.script.lines.slice(-count || Infinity), signal),
    async *events(principal, app, { afterSeq, limit, follow }, signal) {
      yield* listEvents(database, principal, app?.id ?? null, afterSeq, limit);
      if (follow) yield* scripted([], signal);
    },
    async startRun(_principal, _app, argv) {
      await begin(`startRun ${argv.join(' ')}`);
      return { id: id('job') };
    },
    followRun: (_principal, _app, _id, signal) => scripted(fake.script.job, signal),
    async cancelRun() {
      await begin('cancelRun');
    },
    listTokens: (principal) => listTokens(database, principal),
    createToken(principal, { name, rights: granted, apps, expiresAtMs }) {
      fake.calls.push('createToken');
      if (granted.some((right) => !principal.rights.includes(right)))
        throw fail('forbidden', 'more rights than its own');
      const appIds = apps?.map((app) => fake.findApp(principal, app).id) ?? null;
      return insertTokenOf(principal.teamId, name, granted, appIds, expiresAtMs);
    },
    revokeToken(principal, token) {
      fake.calls.push('revokeToken');
      if (!revokeToken(database, principal, token, 1)) missing('token');
    },
    recallAnswer: (principal, key, fingerprint) => recallAnswer(database, principal.teamId, key, fingerprint),
    keepAnswer: (principal, key, fingerprint, answer) =>
      keepAnswer(database, principal.teamId, key, fingerprint, answer, Date.now()),
    ...fakeImages({ database, ids, begin, called: (call) => void fake.calls.push(call) }),
    about: async () => ({ url: 'http://127.0.0.1:8080', base: 'localhost', version: '0', enforcement: {}, home: '/h' }),
  };
  return fake;
}
