// From the bytes of a notice to what it says. The bytes are a stranger's until `prove-sender.ts` has said otherwise; it is asked first.
import { createHash } from 'node:crypto';
import { fail } from '../../domain/errors.ts';
import type { HeaderOf, Notice } from './notice.ts';
import { senders } from './senders/all.ts';

/** JSON, and what Distribution calls its own kinds of it. */
const contentType =
  /^application\/(?:json|cloudevents\+json|vnd\.docker\.distribution\.events\.v[12]\+json)\s*(?:;\s*charset="?utf-8"?)?\s*$/i;

/** @throws bad-request for another content type, for what is no JSON in UTF-8, and for what no sender sends */
export function readNotice(bytes: Uint8Array, header: HeaderOf): Notice {
  if (!contentType.test(header('content-type') ?? ''))
    throw fail('bad-request', 'the notice is not declared as JSON', {
      advice: 'Have the sender use the content type application/json.',
    });
  const body = parse(bytes);
  for (const { name, read } of senders) {
    const notice = read(body, header);
    if (notice) return { sender: name, ...notice, deliveryId: nameOf(notice.deliveryId) };
  }
  throw fail('bad-request', 'this is the notice of no registry that is known here', {
    advice: 'Send {"image": "host/repository", "tag": "…"}, or see docs/hooks.md for the senders that are understood.',
  });
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw fail('bad-request', 'the notice is not JSON in UTF-8', { advice: 'Send one JSON object.' });
  }
}

/** Of any length and content as the sender made it; kept as a name of one size. */
const nameOf = (delivery: string | null): string | null =>
  delivery === null ? null : createHash('sha256').update(delivery).digest('hex');
