// The passphrase of a backup: from a file, from standard input as `-`, or typed unseen. Never from the command line, where others
// could read it.
import { fail } from '../domain/errors.ts';
import { ask } from './prompt.ts';
import { readText } from './read-text.ts';
import type { Session } from './session.ts';

const fewest = 8;

/** For a new backup: null when none was asked for. @throws bad-request, cancelled */
export async function newPassphrase(session: Session): Promise<string | null> {
  const file = session.text('passphrase-file');
  if (file === undefined && !session.has('encrypt')) return null;
  const given = file === undefined ? await typedTwice(session) : firstLine(await readText(session.io, file));
  if (given.length < fewest)
    throw fail('bad-request', `the passphrase is shorter than ${fewest} characters`, {
      advice: 'Choose a longer one.',
    });
  return given;
}

/** For a backup that is there. @throws bad-request where nobody can be asked */
export async function knownPassphrase(session: Session, isEncrypted: boolean): Promise<string | null> {
  const file = session.text('passphrase-file');
  if (file !== undefined) return firstLine(await readText(session.io, file));
  if (!isEncrypted) return null;
  if (session.io.stdin.isTTY) return ask(session.io, 'Passphrase of the backup: ', true);
  throw fail('bad-request', 'the backup is encrypted', {
    advice: 'Give its passphrase: --passphrase-file FILE (- is standard input).',
  });
}

async function typedTwice(session: Session): Promise<string> {
  if (!session.io.stdin.isTTY)
    throw fail('bad-request', 'there is no terminal to ask for a passphrase', {
      advice: 'Give it with --passphrase-file FILE (- is standard input).',
    });
  const first = await ask(session.io, 'Passphrase for the backup: ', true);
  if ((await ask(session.io, 'The same again: ', true)) === first) return first;
  throw fail('bad-request', 'these are not the same', { advice: 'Nothing was written. Try again.' });
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0]!;
}
