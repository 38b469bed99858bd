// Which page may be seen when. A page is expected from the moment its step begins; once it has been seen, a request that
// starts later must never see an older one. The same page may stand in the line twice (a rollback brings it back).
import { type Answer, now } from './ask.ts';

export type Page = { headline: string; lead: string };
type Station = { key: string; allowedFrom: number; firstSeenAt: number };

/** What the guestbook's front page says, or null when the body is not that page. */
export function readPage(body: string): Page | null {
  const headline = /<h1>([^<]*)<\/h1>/.exec(body)?.[1];
  const lead = /<p class="lead">([^<]*)<\/p>/.exec(body)?.[1];
  return headline !== undefined && lead !== undefined && body.includes('</html>') ? { headline, lead } : null;
}

export function isSamePage(one: Page | null, other: Page | null): boolean {
  return one !== null && other !== null && keyOf(one) === keyOf(other);
}

const keyOf = (page: Page): string => JSON.stringify([page.headline, page.lead]);

export class Timeline {
  readonly #stations: Station[] = [];

  /** From now on `page` may be seen too. */
  expect(page: Page, at = now()): void {
    this.#stations.push({ key: keyOf(page), allowedFrom: at, firstSeenAt: Number.POSITIVE_INFINITY });
  }

  /** Why the answer is wrong, or null when it is right (it is then remembered as seen). */
  judge(answer: Answer): string | null {
    if (answer.status !== 200) return `status ${answer.status}: ${answer.body.slice(0, 80).trim()}`;
    const page = readPage(answer.body);
    if (page === null) return `not the page: ${answer.body.slice(0, 80).trim()}`;
    const newest = this.#stations.findLastIndex(({ firstSeenAt }) => firstSeenAt < answer.startedAt);
    const known = this.#stations.findIndex(({ key }) => key === keyOf(page));
    if (known < 0) return `a page that must never be served: ${page.headline}`;
    const station = this.#stations.find(
      ({ key, allowedFrom }, at) => at >= newest && key === keyOf(page) && allowedFrom <= answer.endedAt,
    );
    if (!station) return `an older page after a newer one: ${page.headline}`;
    station.firstSeenAt = Math.min(station.firstSeenAt, answer.endedAt);
    return null;
  }
}
