// What a demo has measured, as a program reads it: the same shape whatever the app runs in, and however far the demo came.
import type { PollerReport } from './poller.ts';

const names = ['firstPushMs', 'pushToLiveMs', 'mergeToLiveMs', 'styleRejectMs', 'testRejectMs', 'rollbackMs'] as const;
/** null: it did not come so far. */
export type Figures = Record<(typeof names)[number], number | null>;

export const noFigures = (): Figures => Object.fromEntries(names.map((name) => [name, null])) as Figures;

/** @param url null: the app is not as it should be, or not there */
export function resultOf(figures: Figures, ok: boolean, report: PollerReport | null, url: string | null): object {
  const toTenths = (ms: number | null) => (ms === null ? null : Math.round(ms * 10) / 10);
  return {
    ok,
    ...Object.fromEntries(names.map((name) => [name, toTenths(figures[name])])),
    ...{ requests: report?.requests ?? 0, failedRequests: report?.failed ?? 0, url },
  };
}
