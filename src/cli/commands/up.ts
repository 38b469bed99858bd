// `lockstep up`: the one command that is not a client. It hands its words to the program's own start.
import type { Session } from '../session.ts';

type Up = (argv: {
  home?: string;
  port?: string;
  base?: string;
  isPublic: boolean;
  isDetached: boolean;
  isJson: boolean;
}) => Promise<number>;

/** Runs until it is stopped; resolves with the exit code. */
export async function start(session: Session): Promise<number> {
  const place: string = '../../main/up.ts';
  const { up } = (await import(place)) as { up: Up };
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
