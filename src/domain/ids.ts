// Opaque ids and object names as branded types: from the edge inwards a bare string does not compile.
// Ids are `<three letters>_<26 characters of Crockford base32>` (ULID layout: 48 bits of milliseconds, 80 of randomness),
// so they sort by time, and every path, label and job is named by one and never by something a user typed.

declare const brand: unique symbol;
/** A string that has been parsed into the kind `K`. */
export type Brand<K extends string> = string & { readonly [brand]: K };

export type AppId = Brand<'app'>;
export type ChangeId = Brand<'chg'>;
export type ReleaseId = Brand<'rel'>;
export type InstanceId = Brand<'ins'>;
export type InstanceSetId = Brand<'set'>;
export type JobId = Brand<'job'>;
export type TokenId = Brand<'tok'>;
export type HookId = Brand<'hok'>;
export type EventId = Brand<'evt'>;
export type TeamId = Brand<'tea'>;
export type NodeId = Brand<'nod'>;

/** 40 or 64 lower-case hexadecimal digits: a git object id. */
export type ObjectId = Brand<'oid'>;
export type CommitId = ObjectId & { readonly commit?: never };
export type TreeId = ObjectId & { readonly tree?: never };
/** `sha256:<64 hex>`: the name of something by its content. */
export type Digest = Brand<'digest'>;
/** `sha256:<64 hex>`: an image as its container engine calls it, the digest of its configuration. Never a tag. */
export type ImageId = Brand<'image'>;

export type IdPrefix = 'app' | 'chg' | 'rel' | 'ins' | 'set' | 'job' | 'tok' | 'hok' | 'evt' | 'tea' | 'nod';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * Makes an id. Clock and randomness come in.
 * @param nowMs milliseconds since the epoch
 * @param random16 at least 16 random bytes
 */
export function makeId<P extends IdPrefix>(prefix: P, nowMs: number, random16: Uint8Array): Brand<P> {
  let time = '';
  let rest = Math.floor(nowMs);
  for (let place = 0; place < 10; place += 1) {
    time = alphabet[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let noise = '';
  for (let place = 0; place < 16; place += 1) noise += alphabet[random16[place]! % 32];
  return `${prefix}_${time}${noise}` as Brand<P>;
}

/** The moment that an id was made from. */
export function momentOfId(id: string): number {
  const time = id.slice(id.indexOf('_') + 1).slice(0, 10);
  return [...time].reduce((sum, digit) => sum * 32 + alphabet.indexOf(digit), 0);
}

/** The id when `text` has the form of one of that kind, else null. */
export function parseId<P extends IdPrefix>(prefix: P, text: string): Brand<P> | null {
  return new RegExp(`^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`).test(text) ? (text as Brand<P>) : null;
}

/** The object id when `text` is 40 or 64 lower-case hexadecimal digits, else null. */
export function parseObjectId(text: string): ObjectId | null {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? (text as ObjectId) : null;
}

/** The image's id when `text` is `sha256:` and 64 lower-case hexadecimal digits, else null. */
export function parseImageId(text: string): ImageId | null {
  return /^sha256:[0-9a-f]{64}$/.test(text) ? (text as ImageId) : null;
}

/** True for git's "no object" (all zeros), which stands for creation and deletion in ref updates. */
export function isZeroId(id: ObjectId): boolean {
  return /^0+$/.test(id);
}

/** Seven characters, for people. */
export function short(id: ObjectId): string {
  return id.slice(0, 7);
}
