// `lockstep rollback [vN]`: main and live go back to an earlier release by a revert commit, at once.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { finish } from '../finish.ts';
import type { Started } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';

/** @throws bad-request for what is not a release number, no-release, conflict when it is live already */
export async function rollback(session: Session): Promise<number> {
  const version = session.words[0] === undefined ? null : parseVersion(session.words[0]);
  const app = await session.app();
  const api = await session.api();
  const sentAt = performance.now();
  const { body } = await api.send<Started>('POST', `/api/v1/apps/${app}/rollbacks`, {
    ...(version === null ? {} : { version }),
    ...(session.has('config') ? { withConfig: true } : {}),
  });
  return finish(session, {
    verb: 'rollback',
    how: version === null ? 'rolled back' : `rolled back to v${version}`,
    started: body,
    sentAt,
  });
}

/** `v12` or `12` as 12. @throws bad-request */
export function parseVersion(text: string): number {
  if (/^v?[1-9]\d{0,8}$/.test(text)) return Number(text.replace('v', ''));
  throw fail('bad-request', `"${printable(text)}" is not a release`, {
    advice: 'Name it like v12; see: lockstep releases',
  });
}
