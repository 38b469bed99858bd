// GitHub's packages: the event `registry_package`, and `package`, which says the same under another key.
import { z } from 'zod';
import { type HeaderOf, type Notice, pushedAs, senderOf, word } from '../notice.ts';

const version = z.object({
  version: word.nullish(),
  package_url: z.string().max(1200).nullish(),
  container_metadata: z
    .object({ tag: z.object({ name: z.string().max(600).nullish(), digest: word.nullish() }).nullish() })
    .nullish(),
});
const of = z.object({
  name: word,
  namespace: z.string().max(600).nullish(),
  package_type: word.nullish(),
  ecosystem: word.nullish(),
  owner: z.object({ login: word }).nullish(),
  package_version: version.nullish(),
});
type Package = z.output<typeof of>;

function meaning(action: string, its: Package, header: HeaderOf): Partial<Omit<Notice, 'sender'>> {
  const kind = (its.package_type ?? its.ecosystem ?? '').toLowerCase();
  const isPush = action === 'published' || action === 'updated';
  if (!isPush || (kind !== 'container' && kind !== 'docker')) return { deliveryId: header('x-github-delivery') };
  const owner = (its.namespace || its.owner?.login || '').toLowerCase();
  const name = its.name.toLowerCase();
  const tag = its.package_version?.container_metadata?.tag;
  return {
    deliveryId: header('x-github-delivery'),
    pushed: pushedAs({
      path: owner === '' || name.startsWith(`${owner}/`) ? name : `${owner}/${name}`,
      tag: tag?.name || null,
      digest: tag?.digest ?? its.package_version?.version ?? null,
    }),
  };
}

export const githubRegistry = senderOf(
  'GitHub',
  z.object({ action: word, registry_package: of }),
  ({ action, registry_package }, header) => meaning(action, registry_package, header),
);

export const githubPackage = senderOf(
  'GitHub package',
  z.object({ action: word, package: of.extend({ package_version: version }) }),
  (body, header) => meaning(body.action, body.package, header),
);

/** Sent once when a hook is made. */
export const githubPing = senderOf(
  'GitHub ping',
  z.object({ zen: z.string(), hook_id: z.number() }),
  (_body, header) => ({
    deliveryId: header('x-github-delivery'),
  }),
);
