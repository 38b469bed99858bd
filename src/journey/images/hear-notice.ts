// A registry's notice, heard: who sent it is proved before a word of it is read, and what it says decides only whether the app's image is
// looked at now. Nobody without the secret can tell an app that is there from one that is not. What was accepted is written down before it is
// answered, so that a look survives a restart; the same delivery twice is one.
import type { App } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import type { Heard, Hook, NoticeSent } from '../../domain/hook.ts';
import { parseId } from '../../domain/ids.ts';
import { Rate } from '../../lib/rate.ts';
import { concernOf } from '../../receive/notices/concerns.ts';
import type { Notice } from '../../receive/notices/notice.ts';
import { hashSecret, hasSecretForm, proveSender } from '../../receive/notices/prove-sender.ts';
import { readNotice } from '../../receive/notices/read-notice.ts';
import { askForLook, followedImage } from '../../store/app-images.ts';
import { appOfId } from '../../store/apps.ts';
import { hookAt, keepDelivery, noteHeard } from '../../store/hooks.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, newId, nowMs, type World } from '../world.ts';

/** The registry is asked at most so often, whoever sends what. */
const noticePace = { burst: 60, everyMs: 1000 };
const refusalPace = { burst: 1, everyMs: 60_000 };

export class NoticeDesk {
  readonly #world: World;
  readonly #look: (app: App) => void;
  readonly #notices = new Rate(noticePace, nowMs);
  readonly #refusals = new Rate(refusalPace, nowMs);

  /** @param look begins to look at an app's image, beside everything else */
  constructor(world: World, look: (app: App) => void) {
    this.#world = world;
    this.#look = look;
  }

  /** @throws unauthenticated, alike for whatever does not open; busy; bad-request for what is no notice */
  hear(sent: NoticeSent): Heard {
    const { database } = this.#world;
    const { app, hook } = this.#whose(sent);
    if (!this.#notices.take(hook.id))
      throw fail('busy', 'this hook is called too often', {
        advice: `One notice a second is heard, and ${noticePace.burst} at once.`,
      });
    const notice = readNotice(sent.bytes, sent.header);
    const image = followedImage(database, app.id);
    const concern = image
      ? concernOf(notice, image)
      : { concerns: false as const, why: 'the app is deployed from its repository, and follows no image' };
    const heard = inTransaction(database, (): Heard => {
      const decided = concern.concerns ? this.#accept(app, hook, notice) : ignored(concern.why);
      noteHeard(database, hook.id, `${decided.outcome}: ${decided.why}`, Math.round(nowMs()));
      const { pushed = null } = concern.concerns ? concern : {};
      appendEvent(
        database,
        eventOf({ teamId: app.teamId, appId: app.id, actor: actorOf(hook) }, 'hook.heard', {
          ...{ hook: hook.id, sender: notice.sender, tag: pushed?.tag ?? null, digest: pushed?.digest ?? null },
          ...decided,
        }),
      );
      return decided;
    });
    this.#world.announce();
    if (heard.outcome === 'looking') this.#look(app);
    return heard;
  }

  #accept(app: App, hook: Hook, { deliveryId, callbackUrl }: Notice): Heard {
    const { database } = this.#world;
    if (deliveryId !== null && !keepDelivery(database, app, deliveryId, Math.round(nowMs())))
      return { outcome: 'seen', why: 'this delivery came before' };
    askForLook(database, app.id, { id: newId('evt'), actor: actorOf(hook), callbackUrl });
    return { outcome: 'looking', why: 'the registry is asked what the tag is now' };
  }

  #whose(sent: NoticeSent): { app: App; hook: Hook } {
    const { database } = this.#world;
    const { appName, inPath } = sent;
    const by = hasSecretForm(inPath) ? { hash: hashSecret(inPath) } : parseId('hok', inPath) ? { id: inPath } : null;
    const found = by && hookAt(database, appName, by);
    const app = found && appOfId(database, found.hook.appId);
    const proof = found ? proveSender(sent, found.hash) : 'wrong';
    if (found && app && proof === 'proven') return { app, hook: found.hook };
    if (found && app) this.#noteRefused(app, found.hook, proof);
    throw fail('unauthenticated', 'no hook of this address and secret is known here', {
      advice:
        'Send to /hooks/APP/SECRET, or to /hooks/APP/HOOK-ID with the secret as the sender’s own (a signature, a token); lockstep hooks lists them.',
    });
  }

  #noteRefused(app: App, hook: Hook, proof: string): void {
    if (!this.#refusals.take(hook.id)) return;
    const why = proof === 'wrong' ? 'its signature or secret was wrong' : 'it carried neither signature nor secret';
    inTransaction(this.#world.database, () => {
      noteHeard(this.#world.database, hook.id, `refused: ${why}`, Math.round(nowMs()));
      appendEvent(
        this.#world.database,
        eventOf({ teamId: app.teamId, appId: app.id, actor: actorOf(hook) }, 'hook.refused', { hook: hook.id, why }),
      );
    });
    this.#world.announce();
  }
}

const ignored = (why: string): Heard => ({ outcome: 'ignored', why });

/** Who it is in the ledger. */
export const actorOf = ({ name }: Pick<Hook, 'name'>): string => `hook ${name}`;
