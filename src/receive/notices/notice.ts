// What a registry's notice says, whoever sent it: these images were pushed. It is a hint to look and nothing more: where an app's image comes
// from is the app's own setting, and what its tag is now is asked of the registry. So nothing here is ever pulled from, dialled or shown as is.
import { z } from 'zod';
import type { Digest } from '../../domain/ids.ts';
import { namesHost, parseDigest, parsePath, parseRepository, parseTag } from '../../domain/image-reference.ts';

export type Pushed = {
  /** Lower-case path of the repository, without a host; what a sender calls it. */
  path: string;
  /** The host that the sender names; null: it names none, or not the one that pulls go to. */
  host: string | null;
  /** The sender names only what the repository lies within (a project), and no image of it. */
  isWithin: boolean;
  /** null: it says none. */
  tag: string | null;
  digest: Digest | null;
};

export type Notice = {
  sender: string;
  /** The same for a delivery that is sent again; null: the sender marks none. */
  deliveryId: string | null;
  /** None: it tells of something else (a pull, a deletion, a test). */
  pushed: readonly Pushed[];
  /** Where the sender wants to hear how it ended, as it wrote it; null: nowhere. */
  callbackUrl: string | null;
};

/** A header's value by its lower-case name; null: it is not there. */
export type HeaderOf = (name: string) => string | null;

/** One kind of sender. The first of the list whose schema takes the body is the one. */
export type Sender = {
  name: string;
  /** null: the body is not of this sender. @throws nothing */
  read(body: unknown, header: HeaderOf): Omit<Notice, 'sender'> | null;
};

/** More of them in one notice are left out: an app's own is looked for as it is now in any case. */
const mostPushed = 200;

export const word = z.string().min(1).max(600);

/** A sender from the shape of its body, and what that shape means. */
export function senderOf<T extends z.ZodType>(
  name: string,
  shape: T,
  meaning: (body: z.output<T>, header: HeaderOf) => Partial<Omit<Notice, 'sender'>>,
): Sender {
  return {
    name,
    read(body, header) {
      const read = shape.safeParse(body);
      if (!read.success) return null;
      const { deliveryId = null, pushed = [], callbackUrl = null } = meaning(read.data, header);
      return { deliveryId, pushed: pushed.slice(0, mostPushed), callbackUrl };
    },
  };
}

/** What was pushed, as a list of one; none when the names are none that an image can have. */
export function pushedAs(named: {
  /** As its registry calls it, without a host. */
  path: string;
  host?: string | null;
  tag?: string | null | undefined;
  digest?: string | null | undefined;
  isWithin?: boolean;
}): Pushed[] {
  const { host = null, tag = null, digest = null, isWithin = false } = named;
  const path = parsePath(named.path);
  // What has no tag may be called by its digest in its place.
  const itsDigest = parseDigest(digest ?? '') ?? parseDigest(tag ?? '');
  const itsTag = tag === itsDigest ? null : tag;
  if (path === null || (itsTag !== null && parseTag(itsTag) === null)) return [];
  return [{ path, host, isWithin, tag: itsTag, digest: itsDigest }];
}

/** The same from a name that may begin with a host. */
export function pushedFrom(repository: string, more: { tag?: string | null; digest?: string | null }): Pushed[] {
  const place = parseRepository(repository);
  if (place === null) return [];
  return namesHost(repository) ? pushedAs({ ...place, ...more }) : pushedAs({ path: repository, ...more });
}
