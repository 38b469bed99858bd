// Receipts: one signed statement a release, made after the landing and beside it. The pusher does not wait: the landing only
// says that something is due, and what is due is read from the store, so that a control that died in between makes up for it
// at its next start. A receipt is first kept in the store; the note in the app's repository follows, as often as it must be tried.
import { setImmediate as otherWork } from 'node:timers/promises';
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { CheckResult } from '../domain/gate.ts';
import type { AppId, ReleaseId } from '../domain/ids.ts';
import { type CheckedFact, imageReceiptFormat, type Receipt, receiptFormat } from '../domain/receipt.ts';
import type { Release } from '../domain/release.ts';
import type { RefName } from '../git/argv.ts';
import { signReceipt } from '../proof/receipt-text.ts';
import type { Signer } from '../proof/signing-key.ts';
import { configOf } from '../store/app-config.ts';
import { everyApp, isThere } from '../store/apps.ts';
import { findChange, verdictOfChange } from '../store/changes.ts';
import { inTransaction } from '../store/open.ts';
import { findReceipt, keepReceipt, markNoted, receiptsToNote, releasesDue } from '../store/receipts.ts';
import { findArtifact, findRelease } from '../store/releases.ts';
import { nowMs, type World } from './world.ts';

const notesRef = 'refs/notes/lockstep' as RefName;

/** The answer to the pusher goes first, and landings close to each other are done together. */
const pauseMs = 250;
const againMs = 10_000;

type ReceiptWorld = Pick<World, 'database' | 'repositoryOf' | 'usesOf' | 'forget' | 'log' | 'signal'>;

export class ReceiptBook {
  readonly #world: ReceiptWorld;
  /** null: the key file is damaged, which was said; receipts stay due. */
  readonly #signer: Signer | null;
  readonly #due = new Set<AppId>();
  #timer: NodeJS.Timeout | null = null;
  /** When it fires. */
  #timerAtMs = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(world: ReceiptWorld, signer: Signer | null) {
    this.#world = world;
    this.#signer = signer;
    world.signal.addEventListener('abort', () => this.#timer && clearTimeout(this.#timer), { once: true });
  }

  /** Something of the app has gone live. Returns at once. */
  due(app: Pick<App, 'id'>, inMs = pauseMs): void {
    this.#due.add(app.id);
    if (this.#world.signal.aborted || this.#signer === null) return;
    const atMs = performance.now() + inMs;
    // What is tried again later keeps nothing else waiting for so long.
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.settle();
    }, inMs);
    this.#timer.unref();
  }

  /** What earlier controls have left undone: every app is looked at, one after the other. */
  makeUp(): void {
    for (const app of everyApp(this.#world.database)) this.due(app);
  }

  /** The receipt of a release, made now when it is due. @throws not-found, internal */
  of(app: App, release: Release): string {
    const { database } = this.#world;
    const kept = findReceipt(database, app.id, release.id);
    if (kept === null && releasesDue(database, app.id).includes(release.id)) {
      if (this.#signer === null) throw fail('internal', 'the signing key of this installation cannot be read');
      this.#keep(this.#signer, app, release.id);
      return this.of(app, release);
    }
    const name = release.version === null ? release.id : `v${release.version}`;
    if (kept === null)
      throw fail('not-found', `${name} was never live, so there is no receipt`, { advice: 'See lockstep releases.' });
    if (kept.body === null)
      throw fail('not-found', `the receipt of ${name} is not kept here any more`, {
        advice: `It is a note of its commit: git fetch lockstep ${notesRef}:${notesRef}; git notes --ref=lockstep show ${release.commit}`,
      });
    return kept.body;
  }

  /** Resolves when everything that is due by now is done, or has been put off. */
  settle(): Promise<void> {
    const ids = [...this.#due];
    this.#due.clear();
    this.#work = this.#work.then(async () => {
      for (const id of ids) {
        await otherWork();
        if (this.#world.signal.aborted) return;
        await this.#makeAll(id).catch((error: Error) => {
          if (this.#world.signal.aborted) return;
          this.#world.log({ level: 'warn', message: `the receipts of ${id} wait: ${error.message}` });
          this.due({ id }, againMs);
        });
      }
    });
    return this.#work;
  }

  async #makeAll(id: AppId): Promise<void> {
    const { database } = this.#world;
    const due = releasesDue(database, id);
    if (this.#signer === null || (due.length === 0 && receiptsToNote(database, id).length === 0)) return;
    const app = everyApp(database).find((one) => one.id === id);
    if (!app) return;
    for (const release of due) this.#keep(this.#signer, app, release);
    const unnoted = receiptsToNote(database, id);
    if (unnoted.length === 0) return;
    const repository = await this.#world.repositoryOf(app);
    // An app that was destroyed meanwhile must not get its repository back.
    if (!isThere(database, id)) return await this.#world.forget(id);
    // Until the ref names it, a note is what pruning takes.
    using _use = await this.#world.usesOf(id).begin();
    for (const { releaseId, commit, body } of unnoted) {
      await repository.privileged.setNote(notesRef, commit, body, Math.floor(nowMs() / 1000));
      if (this.#world.signal.aborted) return;
      inTransaction(database, () => markNoted(database, id, releaseId));
    }
  }

  #keep(signer: Signer, app: App, id: ReleaseId): void {
    const { database } = this.#world;
    const receipt = receiptOf(this.#world, signer, app, id);
    inTransaction(database, () =>
      keepReceipt(database, {
        teamId: app.teamId,
        appId: app.id,
        releaseId: id,
        version: receipt.release.version,
        commit: receipt.commit,
        body: signReceipt(receipt, signer),
        isNoted: receipt.change === null,
        madeAtMs: Date.parse(receipt.madeAt),
      }),
    );
  }
}

/** What the store says of a release, as a statement. */
function receiptOf({ database }: ReceiptWorld, signer: Signer, app: App, id: ReleaseId): Receipt {
  const release = findRelease(database, app.id, id)!;
  const change = release.changeId && findChange(database, app.id, release.changeId);
  const verdict = release.changeId && verdictOfChange(database, app.id, release.changeId);
  const { entries } = configOf(database, app.id, release.configVersion);
  const { version, cause, actor, liveAtMs } = release;
  const image = findArtifact(database, app.id, release.artifactDigest)?.image ?? null;
  return {
    ...(image ? { format: imageReceiptFormat, image: image.id } : { format: receiptFormat }),
    app: { id: app.id, name: app.name },
    release: { id, version, cause, actor, liveAt: liveAtMs === null ? null : new Date(liveAtMs).toISOString() },
    change: change
      ? {
          ...{ id: change.id, number: change.number, how: change.how, branch: change.branch },
          ...{ base: change.base, head: change.head, isMemoised: change.isMemoised },
        }
      : null,
    commit: release.commit,
    tree: release.treeId,
    artifact: release.artifactDigest,
    config: { version: release.configVersion, hash: signer.configHash(app.id, entries) },
    verdict: verdict ? { outcome: verdict.outcome, checks: verdict.checks.map(factOf) } : null,
    moments: Object.fromEntries(Object.entries(change ? change.moments : {}).map(([name, ms]) => [name, toMicros(ms)])),
    madeAt: new Date(Math.round(nowMs())).toISOString(),
  };
}

function factOf({ kind, name, outcome, summary, metrics, findingCount, durationMs }: CheckResult): CheckedFact {
  return { kind, name, outcome, summary, metrics, findingCount, durationMs: toMicros(durationMs) };
}

/** Milliseconds to three places: what the clock is good for. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
