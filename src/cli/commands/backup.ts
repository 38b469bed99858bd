// `lockstep backup` and `lockstep restore`: they read and write the home itself, so they run on the server, as who owns it (root,
// where Lockstep is root). A backup is made while everything runs; a restore wants an empty home.
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defaultHome } from '../../config/config.ts';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { knownPassphrase, newPassphrase } from '../passphrase.ts';
import { safeLine, seconds } from '../present/text.ts';
import type { Session } from '../session.ts';

const isRoot = process.getuid?.() === 0;

/** @throws conflict, not-found, forbidden, bad-backup, disk-full */
export async function backup(session: Session): Promise<number> {
  const { words } = session;
  const verified = session.text('verify');
  if (verified !== undefined && words.length === 0) return verify(session, verified);
  if (verified !== undefined || words.length === 0)
    throw fail('bad-request', 'name one file: the backup to make, or with --verify the one to try', {
      advice: 'lockstep backup FILE, or: lockstep backup --verify FILE',
    });
  const passphrase = await newPassphrase(session);
  const { createBackup } = await import('../../backup/create.ts');
  const { programVersion } = await import('../../main/version.ts');
  const startedAt = performance.now();
  const file = resolve(session.io.cwd, words[0]!);
  const home = homeOf(session);
  const made = await createBackup({
    ...{ home, file, passphrase, isRoot },
    program: programVersion,
    nowMs: Date.now(),
  });
  const durationMs = Math.round(performance.now() - startedAt);
  if (session.isJson) session.printJson({ file, ...made, isEncrypted: passphrase !== null, durationMs });
  else {
    for (const note of made.notes) session.note(safeLine(note));
    session.print(
      `${printable(words[0]!)}: ${countOf(made.apps, 'app')}, ${countOf(made.volumes.files, 'file')} in volumes, ${made.images.files > 0 ? `the registry’s images (${megabytes(made.images.bytes)}), ` : ''}${megabytes(made.bytes)} in ${seconds(durationMs)}${passphrase === null ? '; it is not encrypted, and holds every secret of this server' : ', encrypted'}`,
    );
  }
  return 0;
}

/** Exit 0 only when everything would come back as it was. */
async function verify(session: Session, name: string): Promise<number> {
  const file = resolve(session.io.cwd, name);
  const passphrase = await passphraseOf(session, file);
  const { verifyBackup } = await import('../../backup/verify.ts');
  const found = await verifyBackup(file, passphrase);
  const isGood = found.problems.length === 0 && found.apps.every((app) => app.problems.length === 0);
  if (session.isJson) session.printJson({ ok: isGood, ...found });
  else {
    for (const app of found.apps) {
      const live = app.live === null ? 'nothing was live' : `v${app.live} is main and was live`;
      const said = app.problems.length > 0 ? session.paint.red(app.problems.join('; ')) : live;
      session.print(safeLine(`${app.name}  ${said}, ${countOf(app.releases, 'release')}`));
    }
    for (const problem of found.problems) session.print(safeLine(session.paint.red(problem)));
    session.print(
      `${isGood ? 'it can be restored' : 'not everything would come back'}: ${countOf(found.files, 'file')}, ${megabytes(found.bytes)}, made ${new Date(found.madeAtMs).toISOString()} by ${printable(found.program)}; restored in ${seconds(found.restoreMs)}, with all checks ${seconds(found.totalMs)}`,
    );
  }
  return isGood ? 0 : 1;
}

/** @throws conflict when the home is not empty, not-found, bad-backup, disk-full */
export async function restore(session: Session): Promise<number> {
  const file = resolve(session.io.cwd, session.words[0]!);
  const passphrase = await passphraseOf(session, file);
  const { restoreBackup } = await import('../../backup/restore.ts');
  const { identitiesFor } = await import('../../main/up-checks.ts');
  const { programRoot } = await import('../../main/version.ts');
  const home = homeOf(session);
  const startedAt = performance.now();
  const { control } = identitiesFor(programRoot, isRoot);
  const { apps, ...restored } = await restoreBackup({ home, file, passphrase, isRoot, control });
  const durationMs = Math.round(performance.now() - startedAt);
  const names = apps.map(({ name }) => name);
  if (session.isJson) session.printJson({ home, apps: names, ...restored, durationMs });
  else {
    session.print(
      `${printable(home)}: ${countOf(apps.length, 'app')} as of ${new Date(restored.madeAtMs).toISOString()}, ${megabytes(restored.bytes)} in ${seconds(durationMs)}`,
    );
    session.note(`now: lockstep up --home ${printable(home)}`);
  }
  return 0;
}

async function passphraseOf(session: Session, file: string): Promise<string | null> {
  const { isEncrypted } = await import('../../backup/container.ts');
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw fail('not-found', `${printable(file)} cannot be read (${cause.code})`, { advice: 'Check the path.', cause });
  });
  try {
    if (!(await handle.stat()).isFile()) throw fail('not-found', `${printable(file)} is no file`);
    return await knownPassphrase(session, await isEncrypted(handle));
  } finally {
    await handle.close();
  }
}

function homeOf(session: Session): string {
  return resolve(session.io.cwd, session.text('home') ?? session.io.env.LOCKSTEP_HOME ?? defaultHome(isRoot));
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
