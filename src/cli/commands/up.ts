// `lockstep up`: the one command that is not a client. It hands its words to the program's own start.
import type { Session } from '../session.ts';

/** Runs until it is stopped; resolves with the exit code. @throws home-in-use, home-unreachable, port-in-use, bad-request */
export async function start(session: Session): Promise<number> {
  const { up } = await import('../../main/up.ts');
  const named = (['home', 'port', 'base'] as const).flatMap((option) => {
    const value = session.text(option);
    return value === undefined ? [] : [[option, value] as const];
  });
  return up({
    ...Object.fromEntries(named),
    isPublic: session.has('public'),
    isDetached: session.has('detach'),
    isJson: session.isJson,
  });
}
