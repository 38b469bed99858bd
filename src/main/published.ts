// What the doors may ask of reports, quality and badges.
import type { FileAnswer } from '../api/answer.ts';
import type { Platform } from '../api/platform.ts';
import type { AppId } from '../domain/ids.ts';
import type { Badge, BadgeMetric } from '../domain/quality.ts';
import { badgeOf } from '../journey/quality.ts';
import { listReports, noReports, openReport } from '../journey/reports.ts';
import { eventOf, type World } from '../journey/world.ts';
import type { FileAnswer as PackAnswer } from '../published/answer-file.ts';
import type { Pack } from '../published/pack.ts';
import { isBadgePublic, publicBadge, setBadgePublic } from '../store/apps.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { listQuality } from '../store/quality.ts';
import { appendEvent } from '../store/transition.ts';

type Published = Pick<
  Platform,
  'listReports' | 'openReport' | 'quality' | 'badge' | 'isBadgePublic' | 'setBadgePublic' | 'anyoneFor'
>;

/** Strangers may ask for badges: what was found out is told for so long. */
const badgeMs = 10_000;
const mostBadges = 1000;

export function publishedOf(world: World): Published {
  const { database } = world;
  const badges = new Map<string, { atMs: number; badge: Promise<Badge> }>();
  const badge = (app: { id: AppId }, metric: BadgeMetric, make: () => Promise<Badge>): Promise<Badge> => {
    const key = `${app.id} ${metric}`;
    const known = badges.get(key);
    if (known && performance.now() - known.atMs < badgeMs) return known.badge;
    if (badges.size >= mostBadges) badges.clear();
    const made = make();
    made.catch(() => badges.delete(key));
    badges.set(key, { atMs: performance.now(), badge: made });
    return made;
  };
  return {
    listReports: async (_principal, app, id) => (await listReports(world, app, id)) ?? noReports(),
    async openReport(_principal, app, id, path) {
      const opened = await openReport(world, app, id, path);
      return opened ? toAnswer(opened.answer, opened.pack) : noReports();
    },
    quality: (_principal, app, count) => listQuality(database, app.id, count),
    badge: (_principal, app, metric) => badge(app, metric, () => badgeOf(world, app, metric)),
    isBadgePublic: (_principal, app) => isBadgePublic(database, app.id),
    setBadgePublic(principal, app, isPublic) {
      inTransaction(database, () => {
        setBadgePublic(database, app.id, isPublic);
        const about = { teamId: app.teamId, appId: app.id, actor: principal.name };
        appendEvent(database, eventOf(about, 'app.badge', { isPublic }));
      });
      world.announce();
    },
    anyoneFor(name) {
      const app = publicBadge(database, name);
      return app && { tokenId: null, name: 'anyone', teamId: app.teamId, rights: ['read'], appIds: [app.id] };
    },
  };
}

function toAnswer({ status, headers, body }: PackAnswer, pack: Pack): FileAnswer {
  if (body === null || 'text' in body) {
    pack.letGo();
    return { status, headers, bytes: body === null ? null : body.text };
  }
  const chunks = pack.read(body.file, body.from, body.to);
  let isOver = false;
  const end = () => {
    if (!isOver) pack.letGo();
    isOver = true;
  };
  const bytes = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await chunks.next();
          if (!next.done) return controller.enqueue(next.value);
          end();
          controller.close();
        } catch (error) {
          end();
          controller.error(error);
        }
      },
      async cancel() {
        await chunks.return(undefined);
        end();
      },
    },
    { highWaterMark: 1 },
  );
  return { status, headers, bytes };
}
