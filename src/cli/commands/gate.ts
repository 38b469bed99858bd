// `lockstep gate`: what the server would say of this checkout, without asking it and without moving anything. Exit 0 when the
// gate passes, 1 when it rejects, 75 when there is no verdict.
import { developerEngine } from '../../config/developer-engine.ts';
import { usualEngineSocket } from '../../config/engine-socket.ts';
import { fail } from '../../domain/errors.ts';
import type { CheckResult } from '../../domain/gate.ts';
import { printable } from '../../domain/names.ts';
import { cacheHome } from '../cache-home.ts';
import type { Session } from '../session.ts';
import { type Checkout, openCheckout, treeOfWork } from '../work-tree/snapshot.ts';
import { type GateWork, onlyOf } from './gate-work.ts';

const [passed, rejected, noVerdict, interrupted] = [0, 1, 75, 130];

export async function gate(session: Session): Promise<number> {
  if (session.has('install-hook')) {
    const { installHook } = await import('../work-tree/pre-push.ts');
    session.print(await installHook(session.io.cwd, session.io.env));
    return passed;
  }
  const checkout = await openCheckout(session.io.cwd, session.io.env, session.text('base'));
  if (session.has('committed') && checkout.head === null)
    throw fail('bad-request', 'there is no commit yet', { advice: 'Commit first, or leave --committed out.' });
  const what = { session, checkout, home: cacheHome(session, 'gate'), treeInto: treeMaker(session, checkout) };
  if (session.has('print')) return (await import('./gate-print.ts')).printPlan(what);
  if (session.has('fix')) await fix(what);
  return run(what);
}

/** Writes to the work tree, to changed files alone, and says which. */
async function fix({ session, checkout, home, treeInto }: GateWork): Promise<void> {
  if (session.has('committed'))
    throw fail('bad-request', '--fix writes to the work tree, and --committed does not look at it', {
      advice: 'Give one of them.',
    });
  const { localFix } = await import('../../main/local/fix.ts');
  const { top, objects, base } = checkout;
  const say = session.isJson ? session.note : session.print;
  await localFix({ home, top, objects, treeInto, baseTree: base?.tree ?? null, env: session.io.env, say });
}

function treeMaker({ io, has }: Session, checkout: Checkout): GateWork['treeInto'] {
  return async (objects) => (has('committed') ? checkout.head!.tree : await treeOfWork(checkout, io.env, objects));
}

async function run({ session, checkout, home, treeInto }: GateWork): Promise<number> {
  const { localGate } = await import('../../main/local/gate.ts');
  const { isJson } = session;
  // Most apps need none: one that is elsewhere is in nobody's way.
  const engineSocket = developerEngine(session.io.env).socket ?? usualEngineSocket;
  const say = isJson ? session.note : session.print;
  const { base, head } = checkout;
  say(whatLine(checkout, session.has('committed')));
  const stop = new AbortController();
  const off = session.io.onInterrupt(() => stop.abort(new Error('interrupted')));
  const startedAt = performance.now();
  try {
    const end = await localGate({
      ...{
        home,
        engineSocket,
        top: checkout.top,
        objects: checkout.objects,
        treeInto,
        base,
        head: head?.commit ?? null,
        say,
      },
      ...{ only: onlyOf(session), isRecheck: session.has('recheck'), signal: stop.signal },
    });
    if (stop.signal.aborted) return interrupted;
    const durationMs = Math.round(performance.now() - startedAt);
    const outcome = end.verdict?.outcome ?? 'none';
    if (isJson)
      session.printJson({
        ...{ outcome, reason: end.verdict?.reason ?? null, tree: end.tree, isDirty: checkout.isDirty, durationMs },
        base: base && { commit: base.commit, from: base.why },
        isMemoised: end.isMemoised,
        unenforced: end.unenforced,
        checks: end.results,
      });
    else if (end.unenforced.length > 0) session.note(unheldLine(end.unenforced));
    if (!isJson) say(endLine(outcome, end.results, durationMs, onlyOf(session)));
    return outcome === 'passed' ? passed : outcome === 'rejected' ? rejected : noVerdict;
  } finally {
    off();
  }
}

/** A word for each; `--json` has the sentences. */
function unheldLine(unenforced: readonly string[]): string {
  const words = unenforced.map((line) => /^[a-z-]+/.exec(line)?.[0] ?? line);
  return `not held here as on a server with root: ${words.join(', ')}`;
}

function whatLine({ head, isDirty, base }: Checkout, isCommitted: boolean): string {
  const commit = head ? head.commit.slice(0, 7) : 'nothing committed yet';
  const what = isDirty && !isCommitted ? `${commit} and what is not committed` : commit;
  return base
    ? `gate of ${what} on main ${base.commit.slice(0, 7)} (${base.why})`
    : `gate of ${what}, as a first push: no main is known here (--base REF names one)`;
}

function endLine(
  outcome: string,
  results: readonly CheckResult[],
  durationMs: number,
  only: readonly string[] | null,
): string {
  const seconds = `${(durationMs / 1000).toFixed(1)}s`;
  if (outcome === 'passed') return `gate ok in ${seconds}${only ? ` (only ${only.join(', ')})` : ''}`;
  if (outcome === 'none') return `no verdict in ${seconds}`;
  const failed = results.find((one) => one.outcome === 'failed');
  const name = failed?.name.replace(/ \(.*\)$/, '');
  const again = failed && !['policy', 'build', 'boot'].includes(failed.kind) ? ` --only ${printable(name ?? '')}` : '';
  return `REJECTED by ${printable(failed?.name ?? 'the gate')} in ${seconds}; again: lockstep gate${again}`;
}
