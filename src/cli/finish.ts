// The common end of rollback, restart and config changes: follow what began, say how it ended, exit 0 only when it is live.
import { safeLine, seconds } from './present/text.ts';
import { followProgress, type Started } from './server/follow-progress.ts';
import type { Session } from './session.ts';

export type LongWork = {
  /** For the message of a failure: `rollback`. */
  verb: string;
  /** In brackets after what is live: `rolled back to v10`. */
  how: string;
  started: Started;
  /** `performance.now()` when the request was sent. */
  sentAt: number;
  /** More keys for `--json`. */
  extra?: Readonly<Record<string, unknown>>;
};

/** Follows `work` unless `--no-wait`; the exit code is 0 when it went live, else 1. */
export async function finish(session: Session, work: LongWork): Promise<number> {
  const { started, extra = {} } = work;
  if (session.has('no-wait')) {
    if (session.isJson) session.printJson({ ...extra, ...started });
    else session.print(`${work.verb} has begun (${started.kind} ${started.id})`);
    return 0;
  }
  const stop = new AbortController();
  const forget = session.io.onInterrupt(() => stop.abort());
  try {
    const end = await followProgress(await session.api(), started, {
      signal: stop.signal,
      onLine: (line) => session.note(safeLine(line)),
      note: (line) => session.note(line),
    });
    const clientMs = Math.round((performance.now() - work.sentAt) * 10) / 10;
    if (session.isJson) {
      const { kind, id } = started;
      session.printJson({ ...extra, ...end, kind, id, clientMs, startupMs: Math.round(work.sentAt * 10) / 10 });
    } else if (end.ok) {
      session.print(`${session.paint.green(`v${end.version ?? '?'} is live`)} (${work.how}) in ${seconds(clientMs)}`);
      // A change moved main, and the work tree does not know yet.
      if (started.kind === 'change') session.note('main has a new commit: git pull before the next push');
    }
    if (!end.ok) session.note(` !     ${work.verb} failed: ${safeLine(end.reason ?? end.state)}`);
    return end.ok ? 0 : 1;
  } finally {
    forget();
  }
}
