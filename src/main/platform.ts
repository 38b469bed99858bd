// The verbs and questions of the doors, put together from the journey and the store.
import { randomBytes } from 'node:crypto';
import type { NumberedEvent, Platform, Progress } from '../api/platform.ts';
import type { App, Principal } from '../domain/app.ts';
import { isTerminal } from '../domain/change.ts';
import { fail } from '../domain/errors.ts';
import { flakyTests } from '../domain/gate-run.ts';
import { type ChangeId, parseId, type ReleaseId } from '../domain/ids.ts';
import { createApp, destroyApp } from '../journey/apps.ts';
import { sourceOf } from '../journey/change-source.ts';
import { editOf, startConfigChange, startRestart } from '../journey/config-release.ts';
import { examine, repair } from '../journey/doctor/doctor.ts';
import { liveFacts, liveImage } from '../journey/live.ts';
import { tokenChanged } from '../journey/queue/wanted.ts';
import type { ReceiptBook } from '../journey/receipts.ts';
import { startRollback } from '../journey/rollback.ts';
import { Runs } from '../journey/runs.ts';
import { statusOf } from '../journey/status.ts';
import { eventOf, newId, nowMs, type World } from '../journey/world.ts';
import type { PublicKey } from '../proof/signing-key.ts';
import { currentConfig } from '../store/app-config.ts';
import { findApp, listApps } from '../store/apps.ts';
import { changeOfNumber, findChange, listChanges, verdictOfChange } from '../store/changes.ts';
import { listEvents } from '../store/events.ts';
import { recentGateRuns } from '../store/gate-runs.ts';
import { keepAnswer, recallAnswer } from '../store/idempotency.ts';
import { inTransaction } from '../store/open.ts';
import { findRelease, listReleases, liveRelease, releaseOfVersion } from '../store/releases.ts';
import { insertToken, listTokens, principalOf, revokeToken } from '../store/tokens.ts';
import { appendEvent } from '../store/transition.ts';
import { type ImagesOptions, imagesOf } from './images.ts';
import { mergesOf } from './merges.ts';
import { publishedOf } from './published.ts';

export type PlatformOptions = ImagesOptions & {
  receipts: Pick<ReceiptBook, 'of'>;
  /** null: the signing key is damaged. */
  publicKey: PublicKey | null;
  base: string;
  url: string;
  home: string;
  version: string;
  /** Resolves when the ledger has grown, or the signal is raised. */
  ledgerGrown(signal: AbortSignal): Promise<void>;
};

export function platformOf(options: PlatformOptions): Platform {
  const { world } = options;
  const { database } = world;
  const runs = new Runs(world);
  const docsUrlOf = (app: App): string | null =>
    (liveRelease(database, app.id)?.docs.length ?? 0) > 0 ? world.docsUrlOf(app) : null;
  const mustFind = (principal: Principal, name: App['name']): App => {
    const app = findApp(database, principal, name);
    if (!app)
      throw fail('not-found', `there is no app ${name}`, { advice: 'See lockstep apps, or make it: lockstep create.' });
    return app;
  };

  return {
    urlOf: world.urlOf,
    docsUrlOf,
    gitUrlOf: world.gitUrlOf,
    principalOf: (secret) => principalOf(database, secret, Date.now()),
    createApp: (principal, wanted) => createApp(world, principal, wanted, options.base),
    listApps: (principal, after, limit) => listApps(database, principal, after, limit),
    findApp: mustFind,
    destroyApp: (principal, app, how) => destroyApp(world, principal, app, how),
    async status(_principal, app) {
      return { app: app.name, ...(await statusOf(world, app)), url: world.urlOf(app), docsUrl: docsUrlOf(app) };
    },
    live: (_principal, app) => liveFacts(world, app),
    async liveImage(_principal, app, signal) {
      const { id, bytes } = await liveImage(world, app, signal);
      const headers = { 'content-type': 'application/x-tar', etag: `"${id}"` };
      return { status: 200, headers, bytes: ReadableStream.from(bytes) };
    },
    examine: (principal, app) => examine(world, { principal, app, version: options.version }),
    repair: (principal, app) => repair(world, { principal, app, version: options.version }),
    listReleases: (_principal, app, before, limit) => listReleases(database, app.id, before, limit),
    findRelease(_principal, app, id) {
      const release = findRelease(database, app.id, id);
      if (!release) throw fail('not-found', 'there is no such release', { advice: 'See lockstep releases.' });
      return release;
    },
    receipt(_principal, app, which) {
      const release =
        typeof which === 'number' ? releaseOfVersion(database, app.id, which) : findRelease(database, app.id, which);
      if (!release) throw fail('not-found', 'there is no such release', { advice: 'See lockstep releases.' });
      return options.receipts.of(app, release);
    },
    publicKey() {
      const { publicKey } = options;
      if (!publicKey) throw fail('internal', 'the signing key of this installation cannot be read');
      return { keyId: publicKey.keyId, pem: publicKey.pem };
    },
    startRollback: (principal, app, wanted) => startRollback(world, app, { ...wanted, actor: principal.name }),
    async startRestart(principal, app) {
      return { kind: 'release', id: (await startRestart(world, app, principal.name)).id };
    },
    follow: (_principal, app, id, signal) => follow(world, app, id, signal),
    ...mergesOf(world),
    listChanges: (_principal, app, before, limit, filter) => listChanges(database, app.id, before, limit, filter),
    findChange(_principal, app, which) {
      const change =
        typeof which === 'number' ? changeOfNumber(database, app.id, which) : findChange(database, app.id, which);
      if (!change) throw fail('not-found', 'there is no such change', { advice: 'See lockstep changes.' });
      return { ...change, verdict: verdictOfChange(database, app.id, change.id) };
    },
    ...publishedOf(world),
    ...imagesOf(options),
    async sourceOf(_principal, app, { tree, verdict }) {
      if (tree === null || verdict === null) return [];
      const failed = verdict.checks.filter(({ outcome }) => outcome === 'failed');
      return sourceOf(
        world,
        app,
        tree,
        failed.flatMap(({ findings }) => findings),
      );
    },
    flakyTests: (_principal, app) => flakyTests(recentGateRuns(database, app.id)),
    config(_principal, app, { reveal }) {
      const { version, entries } = currentConfig(database, app.id);
      const shown = Object.entries(entries).map(([key, value]) => [key, reveal ? value : null]);
      return { version, entries: Object.fromEntries(shown) };
    },
    async changeConfig(principal, app, wanted) {
      const keys = [...wanted.set.keys(), ...wanted.unset];
      const { id, version } = await startConfigChange(world, app, editOf(wanted), {
        actor: principal.name,
        description: `config: ${keys.join(', ')}`,
        cause: 'config',
      });
      return { version, started: id ? { kind: 'release', id } : null };
    },
    logs: (_principal, app, wanted, signal) => world.agent.logs(app.id, { ...wanted, instanceId: null }, signal),
    events: (principal, app, wanted, signal) => eventsOf(options, principal, app, wanted, signal),
    async startRun(_principal, app, argv) {
      return runs.start(app, argv);
    },
    followRun: (_principal, app, id, signal) => runs.follow(app, id, signal),
    async cancelRun(_principal, app, id) {
      runs.cancel(app, id);
    },
    listTokens: (principal) => listTokens(database, principal),
    createToken(principal, wanted) {
      const tooMuch = wanted.rights.filter((right) => !principal.rights.includes(right));
      if (tooMuch.length > 0) {
        throw fail('forbidden', `this token cannot give the right ${tooMuch.join(', ')}`, {
          advice: 'Ask somebody who has it.',
        });
      }
      const appIds = wanted.apps === null ? principal.appIds : wanted.apps.map((name) => mustFind(principal, name).id);
      const secret = `lst_${randomBytes(32).toString('base64url')}`;
      const token = {
        id: newId('tok'),
        name: wanted.name,
        rights: wanted.rights,
        appIds,
        createdAtMs: Math.round(nowMs()),
        expiresAtMs: wanted.expiresAtMs,
      };
      inTransaction(database, () => {
        insertToken(database, { ...token, teamId: principal.teamId, secret });
        appendEvent(
          database,
          eventOf({ teamId: principal.teamId, appId: null, actor: principal.name }, 'token.created', {
            token: token.id,
            name: token.name,
            rights: token.rights,
          }),
        );
      });
      world.announce();
      return { token: { ...token, revokedAtMs: null }, secret };
    },
    revokeToken(principal, id) {
      inTransaction(database, () => {
        if (!revokeToken(database, principal, id, Math.round(nowMs())))
          throw fail('not-found', 'there is no such token, or it was revoked before', {
            advice: 'See lockstep tokens.',
          });
        appendEvent(
          database,
          eventOf({ teamId: principal.teamId, appId: null, actor: principal.name }, 'token.revoked', { token: id }),
        );
      });
      tokenChanged(world, id);
      world.announce();
    },
    recallAnswer: (principal, key, fingerprint) => recallAnswer(database, principal.teamId, key, fingerprint),
    keepAnswer: (principal, key, fingerprint, answer) =>
      keepAnswer(database, principal.teamId, key, fingerprint, answer, Math.round(nowMs())),
    async about() {
      const hello = await world.hello().catch(() => null);
      return {
        url: options.url,
        base: options.base,
        version: options.version,
        enforcement: hello ? { ...hello.enforcement, interpreters: hello.interpreters.map((one) => one.version) } : {},
        home: options.home,
      };
    },
  };
}

/** From the record of this process; what it does not know any more is answered from the store. */
async function* follow(
  world: World,
  app: App,
  id: ChangeId | ReleaseId,
  signal: AbortSignal,
): AsyncGenerator<Progress> {
  const release = parseId('rel', id) ? findRelease(world.database, app.id, id as ReleaseId) : null;
  const change = release ? null : findChange(world.database, app.id, id as ChangeId);
  if (!release && !change) throw fail('not-found', 'there is no such change or release');
  const steps = world.progress.follow(id, signal);
  if (steps) return yield* steps;
  if (change && isTerminal(change.state)) {
    const version = change.releaseId ? (findRelease(world.database, app.id, change.releaseId)?.version ?? null) : null;
    const durationMs = (change.endedAtMs ?? change.createdAtMs) - change.createdAtMs;
    yield { end: { ok: change.state === 'landed', state: change.state, reason: change.reason, version, durationMs } };
  } else if (release) {
    const isLive = release.state === 'live' || release.state === 'retired';
    const durationMs = (release.liveAtMs ?? release.createdAtMs) - release.createdAtMs;
    yield { end: { ok: isLive, state: release.state, reason: release.reason, version: release.version, durationMs } };
  } else {
    yield {
      end: { ok: false, state: change!.state, reason: 'it goes on after a restart', version: null, durationMs: 0 },
    };
  }
}

async function* eventsOf(
  options: PlatformOptions,
  principal: Principal,
  app: App | null,
  wanted: { afterSeq: number; limit: number; follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent> {
  const page = 200;
  let afterSeq = wanted.afterSeq;
  for (let left = wanted.limit; !signal.aborted && (wanted.follow || left > 0); ) {
    const grown = options.ledgerGrown(signal);
    const most = wanted.follow ? page : Math.min(page, left);
    const events = listEvents(options.world.database, principal, app?.id ?? null, afterSeq, most);
    for (const event of events) {
      afterSeq = event.seq;
      left -= 1;
      yield event;
    }
    if (events.length === most) continue;
    if (!wanted.follow) return;
    await grown;
  }
}
