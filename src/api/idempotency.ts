// Idempotency-Key: the same key with the same request gets the first answer again and runs nothing; with another request
// it is refused. Two at once: the second waits for the first and shares its end, answer or error. Only answers are kept,
// not errors: what failed may be tried again with the same key.
import { createHash } from 'node:crypto';
import type { Principal } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { BodyAnswer } from './answer.ts';
import type { Platform } from './platform.ts';

/** The key of a header. @throws bad-request */
export function parseIdempotencyKey(text: string | null): string | null {
  if (text === null) return null;
  if (/^[\x20-\x7e]{1,255}$/.test(text)) return text;
  throw fail('bad-request', 'the Idempotency-Key is not 1 to 255 printable characters', {
    advice: 'Use a random UUID.',
  });
}

/** What a key is bound to. `path` holds the query too. */
export function fingerprintOf(method: string, path: string, body: Uint8Array): string {
  return createHash('sha256').update(`${method} ${path}\n`).update(body).digest('hex');
}

export type Replay = { answer: BodyAnswer; isReplay: boolean };
export type Once = (
  principal: Principal,
  key: string,
  fingerprint: string,
  work: () => Promise<BodyAnswer>,
  kept: (body: unknown) => unknown,
) => Promise<Replay>;

/** Remembers what runs now; what has ended is the platform's to remember. */
export function createOnce(platform: Platform): Once {
  const running = new Map<string, { fingerprint: string; end: Promise<BodyAnswer> }>();
  return async (principal, key, fingerprint, work, kept) => {
    const name = `${principal.teamId} ${key}`;
    const other = running.get(name);
    if (other) {
      if (other.fingerprint !== fingerprint) throw mismatch();
      const { status, body } = await other.end;
      return { answer: { status, body: kept(body) }, isReplay: true };
    }
    const known = platform.recallAnswer(principal, key, fingerprint);
    if (known) return { answer: { status: known.status, body: JSON.parse(known.body) }, isReplay: true };
    const end = work().then((answer) => {
      platform.keepAnswer(principal, key, fingerprint, {
        status: answer.status,
        body: JSON.stringify(kept(answer.body)),
      });
      return answer;
    });
    running.set(name, { fingerprint, end });
    try {
      return { answer: await end, isReplay: false };
    } finally {
      running.delete(name);
    }
  };
}

function mismatch() {
  return fail('idempotency-mismatch', 'this Idempotency-Key belongs to another request that runs now', {
    advice: 'Use a new key for each thing that you ask for.',
  });
}
