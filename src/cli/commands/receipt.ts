// `lockstep receipt`: prints the signed receipt of a release, or verifies one from a file, for which no server and no home is
// needed: only the file, and the public key from somebody who is trusted.
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AppStatus } from '../../api/platform.ts';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import type { Receipt } from '../../domain/receipt.ts';
import type { Io } from '../io.ts';
import { safeLine, short } from '../present/text.ts';
import type { Session } from '../session.ts';
import { parseVersion } from './rollback.ts';

type KeyView = { algorithm: string; keyId: string; pem: string };

/** @throws bad-receipt when `--verify` names one that does not hold, no-release, not-found */
export async function receipt(session: Session): Promise<number> {
  const file = session.text('verify');
  if (file !== undefined) return verify(session, file);
  if (session.text('key') !== undefined)
    throw fail('bad-request', '--key says with what to verify', { advice: 'Name the file, too: --verify FILE' });
  const app = await session.app();
  const api = await session.api();
  const version = session.words[0] === undefined ? await liveVersion(session, app) : parseVersion(session.words[0]);
  const text = await api.text(`/api/v1/apps/${app}/releases/v${version}/receipt`);
  if (!session.isJson) session.io.out(text);
  else {
    const { bodyOf } = await import('../../proof/receipt-text.ts');
    session.printJson({ receipt: bodyOf(text), text });
  }
  return 0;
}

/** `lockstep receipt key`: what others verify with. */
export async function receiptKey(session: Session): Promise<number> {
  const key = await (await session.api()).get<KeyView>('/api/v1/key');
  if (session.isJson) session.printJson(key);
  else session.io.out(key.pem);
  return 0;
}

async function liveVersion(session: Session, app: string): Promise<number> {
  const { release } = await (await session.api()).get<AppStatus>(`/api/v1/apps/${app}/status`);
  if (release?.version) return release.version;
  throw fail('no-release', `${app} has no release yet`, { advice: 'Push main first.' });
}

async function verify(session: Session, file: string): Promise<number> {
  const keyFile = session.text('key');
  if (keyFile === undefined || session.words.length > 0)
    throw fail('bad-request', 'a receipt is verified with a public key that you trust', {
      advice: 'lockstep receipt --verify FILE --key PUB; lockstep receipt key prints the key of a server.',
    });
  const { receiptBytes, verifyReceipt } = await import('../../proof/receipt-text.ts');
  const bytes = await readFew(session.io, file, receiptBytes + 1);
  const pem = (await readFew(session.io, keyFile, 10_000)).toString('utf8');
  const { receipt: said, keyId } = verifyReceipt(bytes, pem);
  if (session.isJson) session.printJson({ ok: true, keyId, receipt: said });
  else for (const line of linesOf(said, keyId)) session.print(safeLine(line));
  return 0;
}

/** What a receipt that holds says, for people. */
export function linesOf(said: Receipt, keyId: string): string[] {
  const { app, release, change, verdict } = said;
  const checks = verdict?.checks.map((one) => `${one.name} ${one.outcome}${one.summary ? ` (${one.summary})` : ''}`);
  const by = change ? `${change.how} #${change.number}` : release.cause;
  return [
    `the receipt holds: ${app.name} ${release.version === null ? '(never served)' : `v${release.version}`}, ${short(said.commit)}, ${by} by ${release.actor}`,
    `commit    ${said.commit}`,
    `tree      ${said.tree}`,
    `artifact  ${said.artifact}`,
    ...(said.image ? [`image     ${said.image}`] : []),
    `config    ${said.config.version} (${said.config.hash})`,
    `verdict   ${checks ? `${verdict?.outcome}: ${checks.join(', ')}` : 'nothing was checked'}${change?.isMemoised ? ', as checked before' : ''}`,
    `live      ${release.liveAt ?? 'never'}`,
    `signed    ${said.madeAt} by ${keyId}`,
  ];
}

async function readFew(io: Io, file: string, mostBytes: number): Promise<Buffer> {
  const handle = await open(resolve(io.cwd, file)).catch((cause: NodeJS.ErrnoException) => {
    throw fail('bad-request', `${printable(file)} cannot be read (${cause.code})`, {
      advice: 'Check the path.',
      cause,
    });
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
