// A receipt as a file: the statement as canonical JSON, then the signature over exactly those bytes. docs/receipts.md is the
// contract; openssl alone can verify it. The reader takes one form only: what is not canonical, cut short, longer or of
// another shape does not hold, whoever signed it.
import { verify } from 'node:crypto';
import { z } from 'zod';
import { fail } from '../domain/errors.ts';
import { checkKinds } from '../domain/gate.ts';
import { imageReceiptFormat, type Receipt, receiptFormat } from '../domain/receipt.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { readPublicKey, type Signer } from './signing-key.ts';

export const receiptBytes = 1024 * 1024;

const text = z.string().max(10_000);
const objectId = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const plain = z.strictObject({
  format: z.literal(receiptFormat),
  app: z.strictObject({ id: text, name: text }),
  release: z.strictObject({
    id: text,
    version: z.int().min(1).nullable(),
    cause: z.enum(['deploy', 'rollback', 'config']),
    actor: text,
    liveAt: z.iso.datetime().nullable(),
  }),
  change: z
    .strictObject({
      id: text,
      number: z.int().min(1),
      how: z.enum(['push', 'rollback', 'merge', 'image']),
      branch: text,
      base: objectId.nullable(),
      head: objectId,
      isMemoised: z.boolean(),
    })
    .nullable(),
  commit: objectId,
  tree: objectId,
  artifact: digest,
  config: z.strictObject({ version: z.int().min(0), hash: z.string().regex(/^hmac-sha256:[0-9a-f]{64}$/) }),
  verdict: z
    .strictObject({
      outcome: z.enum(['passed', 'rejected']),
      checks: z.array(
        z.strictObject({
          kind: z.enum(checkKinds),
          name: text,
          outcome: z.enum(['passed', 'failed', 'infra', 'skipped']),
          summary: text,
          metrics: z.record(z.string(), z.number()),
          findingCount: z.int().min(0),
          durationMs: z.number().min(0),
        }),
      ),
    })
    .nullable(),
  moments: z.record(z.string(), z.number()),
  madeAt: z.iso.datetime(),
});
const shape = z.union([plain, plain.extend({ format: z.literal(imageReceiptFormat), image: digest })]);

/** The whole file. */
export function signReceipt(receipt: Receipt, signer: Signer): string {
  const body = `${canonicalJson(receipt)}\n`;
  const signature = signer.sign(Buffer.from(body)).toString('base64');
  return `${body}-- lockstep-signature ed25519 ${signer.keyId}\n${signature}\n`;
}

const block = /^(\{\n[\s\S]*\n\}\n)-- lockstep-signature ed25519 (sha256:[0-9a-f]{64})\n([A-Za-z0-9+/]{86}==)\n$/;

/**
 * What a receipt says, when this key signed it.
 * @throws bad-receipt with why it does not hold
 */
export function verifyReceipt(bytes: Uint8Array, publicPem: string): { receipt: Receipt; keyId: string } {
  const key = readPublicKey(publicPem);
  if (key === null)
    throw fail('bad-receipt', 'the key is not an Ed25519 public key in PEM', {
      advice: 'Get it from whom you trust: lockstep receipt key prints that of a server.',
    });
  if (bytes.length > receiptBytes) throw doesNotHold('it is larger than a receipt can be');
  const parts = block.exec(decode(bytes));
  if (parts === null) throw doesNotHold('it is no receipt, or not a whole one');
  const [, body, keyId, signature] = parts as unknown as [string, string, string, string];
  if (keyId !== key.keyId) throw doesNotHold(`it was signed by ${keyId}, and the key that was given is ${key.keyId}`);
  const raw = Buffer.from(signature, 'base64');
  if (raw.toString('base64') !== signature || !verify(null, Buffer.from(body), key.key, raw))
    throw doesNotHold('the signature is not that of its words: something was changed');
  const read = shape.safeParse(parse(body));
  if (!read.success) throw doesNotHold('the signature is good, but its form is not one that this program knows');
  if (`${canonicalJson(read.data)}\n` !== body) throw doesNotHold('it is not in the canonical form');
  return { receipt: read.data as Receipt, keyId };
}

/** What a receipt says, unverified: for one that comes from this machine's own store. */
export function bodyOf(file: string): unknown {
  const parts = block.exec(file);
  return parts ? parse(parts[1]!) : null;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw doesNotHold('it is not text');
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function doesNotHold(why: string) {
  return fail('bad-receipt', `the receipt does not hold: ${why}`, {
    advice: 'Fetch it again from where it came from; if it stays so, trust nothing that it says.',
  });
}
