// `lockstep run CMD…`: a command with the live release's code, config and volumes. Its output comes here, and its exit code is
// ours. Ctrl-C cancels it at the server; a second one leaves at once.
import { fail } from '../../domain/errors.ts';
import type { JobResult } from '../../domain/job.ts';
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** Resolves with the command's own exit code. @throws no-release, router-away */
export async function run(session: Session): Promise<number> {
  const app = await session.app();
  const api = await session.api();
  const { body } = await api.send<{ id: string; output: string }>('POST', `/api/v1/apps/${app}/runs`, {
    argv: session.words,
  });
  const { recordStream } = await import('../server/record-stream.ts');
  const leave = new AbortController();
  let cancelling: Promise<unknown> | null = null;
  const forget = session.io.onInterrupt(() => {
    if (cancelling) return leave.abort();
    session.note('-----> cancelling (again to leave at once)');
    cancelling = api.send('DELETE', `/api/v1/apps/${app}/runs/${body.id}`).catch((error: Error) => {
      session.note(` !     not cancelled: ${error.message}`);
    });
  });
  try {
    const output = recordStream(api, body.output, 'result', { signal: leave.signal, note: session.note });
    for await (const step of output) {
      if ('last' in step) return ended(session, JSON.parse(step.last) as JobResult);
      const { line } = step;
      if (session.isJson) session.printJson({ line });
      else session.print(session.io.isOutTty ? safeLine(line) : line);
    }
    await cancelling;
    throw fail('cancelled', 'left before the command ended', { advice: `See what is running: lockstep ps -a ${app}` });
  } finally {
    forget();
  }
}

function ended(session: Session, result: JobResult): number {
  if (session.isJson) session.printJson({ result });
  const why = {
    exit: null,
    deadline: 'it took longer than its limit',
    cancelled: 'cancelled',
    'out-of-memory': 'out of memory',
    'disk-limit': "it wrote more than the app's disk limit",
    lost: 'lost: the agent stopped while it ran',
  }[result.endedBy];
  if (why) session.note(` !     ${why}`);
  if (result.exitCode !== null) return why && result.exitCode === 0 ? 1 : result.exitCode;
  return 128 + (signalNumbers[result.signal ?? ''] ?? 9);
}
