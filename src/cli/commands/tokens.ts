// `lockstep tokens`, `tokens create`, `tokens revoke`. A secret is shown once, when it is made.
import { type Right, rights } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { parseAppName, printable } from '../../domain/names.ts';
import { nearest } from '../nearest.ts';
import { table } from '../present/table.ts';
import { ago } from '../present/text.ts';
import type { Session } from '../session.ts';
import type { TokenView } from './views.ts';

const path = '/api/v1/tokens';
const tokenLimit = 10_000;

/** Lists tokens that still work; with --all also revoked and expired ones. */
export async function tokens(session: Session): Promise<number> {
  const items = await (await session.api()).list<TokenView>(path, tokenLimit);
  const nowMs = Date.now();
  const shown = session.has('all') ? items : items.filter((token) => stateOf(token, nowMs) === 'active');
  if (session.isJson) session.printJson(shown);
  else for (const line of table(tokenRows(shown, nowMs))) session.print(line);
  return 0;
}

/** Makes one and prints its secret, alone on stdout. @throws bad-request, forbidden */
export async function tokensCreate(session: Session): Promise<number> {
  const apps = session.text('apps')?.split(',').map(parseAppName);
  const expires = session.text('expires');
  const { body } = await (await session.api()).send<TokenView & { secret: string | null }>('POST', path, {
    name: session.words[0],
    rights: parseRights(session.text('rights') ?? 'read,deploy'),
    ...(apps ? { apps } : {}),
    ...(expires === undefined ? {} : { expiresAt: new Date(Date.now() + parsePeriod(expires)).toISOString() }),
  });
  if (body.secret === null) {
    throw fail('conflict', `the token ${body.name} was made, but its secret was lost with the connection`, {
      advice: `Revoke it and make another: lockstep tokens revoke ${body.id}`,
    });
  }
  if (session.isJson) session.printJson(body);
  else {
    session.note(`Token ${body.name} (${body.rights.join(', ')}). It is shown this once:`);
    session.print(body.secret);
  }
  return 0;
}

/** Revokes by name or id, at once. @throws not-found, conflict when a name stands for several */
export async function tokensRevoke(session: Session): Promise<number> {
  const wanted = session.words[0]!;
  const api = await session.api();
  const items = (await api.list<TokenView>(path, tokenLimit)).filter((token) => token.revokedAt === null);
  const found = items.filter((token) => token.id === wanted || token.name === wanted);
  if (found.length > 1) {
    throw fail('conflict', `${found.length} tokens are named "${printable(wanted)}"`, {
      advice: `Name one by its id: ${found.map((token) => token.id).join(' ')}`,
    });
  }
  const token = found[0];
  if (!token) {
    const near = nearest(
      wanted,
      items.map((item) => item.name),
    );
    throw fail('not-found', `there is no token "${printable(wanted)}"`, {
      advice: near ? `Did you mean ${near}?` : 'See: lockstep tokens',
    });
  }
  await api.send('DELETE', `${path}/${encodeURIComponent(token.id)}`);
  if (session.isJson) session.printJson({ revoked: token.id, name: token.name });
  else session.print(`${token.name} no longer works`);
  return 0;
}

/** `read,deploy` as rights. @throws bad-request */
export function parseRights(text: string): Right[] {
  return text.split(',').map((word) => {
    const right = rights.find((known) => known === word.trim());
    if (right) return right;
    const near = nearest(word, rights);
    throw fail('bad-request', `there is no right "${printable(word)}"`, {
      advice: near ? `Did you mean ${near}? The rights: ${rights.join(', ')}` : `The rights: ${rights.join(', ')}`,
    });
  });
}

const units: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** `30d` in milliseconds; minutes, hours, days, weeks, years. @throws bad-request */
function parsePeriod(text: string): number {
  const match = /^([1-9]\d{0,4})([mhdwy])$/.exec(text);
  if (match) return Number(match[1]) * units[match[2]!]!;
  throw fail('bad-request', `"${printable(text)}" is not a period`, { advice: 'Give it like 12h, 30d or 1y.' });
}

function stateOf(token: TokenView, nowMs: number): string {
  if (token.revokedAt) return 'revoked';
  return token.expiresAt && Date.parse(token.expiresAt) <= nowMs ? 'expired' : 'active';
}

/** One row a token. */
function tokenRows(items: readonly TokenView[], nowMs: number): string[][] {
  return items.map((token) => [
    token.name,
    token.rights.join(','),
    token.appIds ? `${token.appIds.length} apps` : 'every app',
    stateOf(token, nowMs),
    token.expiresAt ? `until ${token.expiresAt.slice(0, 10)}` : 'no end',
    `made ${ago(Date.parse(token.createdAt), nowMs)}`,
    token.id,
  ]);
}
