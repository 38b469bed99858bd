// What `lockstep gate` works on, whichever of its forms was asked for.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import type { Session } from '../session.ts';
import type { Checkout, treeOfWork } from '../work-tree/snapshot.ts';

export type GateWork = {
  session: Session;
  checkout: Checkout;
  home: string;
  treeInto: (objects: string) => ReturnType<typeof treeOfWork>;
};

/** null: all checks. @throws bad-request for what is no list of names */
export function onlyOf(session: Session): string[] | null {
  const text = session.text('only');
  if (text === undefined) return null;
  const names = text.split(',').map((one) => one.trim());
  if (names.every((name) => /^[a-z][a-z0-9-]{0,30}$/.test(name))) return names;
  throw fail('bad-request', `--only "${printable(text)}" is no list of checks`, {
    advice: 'Name checks with commas between them, such as --only style,tests.',
  });
}
