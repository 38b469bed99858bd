// The command that an app may have for the time after each deploy of its image: with the live release's config, volumes and identity, and the
// `REPOSITORY_*` values as environment. They are those of the image that went live, never words of a notice. It decides nothing any more: how
// it ended is told in the ledger. Run once, and not again after a restart.
import type { App } from '../../domain/app.ts';
import type { Digest } from '../../domain/ids.ts';
import { type ImageReference, imageText } from '../../domain/image-reference.ts';
import { safe } from '../../gate/messages.ts';
import { makeRedactor } from '../../lib/redact.ts';
import { afterCommand } from '../../store/app-images.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { liveJob } from '../release-command.ts';
import { eventOf, type World } from '../world.ts';

const deadlineMs = 10 * 60_000;
/** Of what it said, in the ledger. */
const toldLines = 5;

/** The values as docker-hook's callers know them, and what else there is to say. */
function repositoryEnv(image: ImageReference, digest: Digest): Record<string, string> {
  const slash = image.path.lastIndexOf('/');
  const namespace = slash < 0 ? '' : image.path.slice(0, slash);
  return {
    REPOSITORY_NAME: image.path.slice(slash + 1),
    REPOSITORY_NAMESPACE: namespace,
    REPOSITORY_OWNER: namespace,
    REPOSITORY_REPO_NAME: image.path,
    REPOSITORY_HOST: image.host,
    REPOSITORY_TAG: image.tag ?? '',
    REPOSITORY_DIGEST: digest,
    REPOSITORY_IMAGE: imageText({ ...image, digest }),
  };
}

/** Resolves when it has ended, however, or there is none. */
export async function runAfterDeploy(
  world: World,
  app: App,
  { image, digest, actor }: { image: ImageReference; digest: Digest; actor: string },
): Promise<void> {
  const argv = afterCommand(world.database, app.id);
  const runnable = world.desired.liveRunnable(app);
  if (argv === null || !runnable) return;
  const job = liveJob({ app, runnable }, 'run', { argv }, deadlineMs);
  const spec = { ...job, env: { ...job.env, ...repositoryEnv(image, digest) } };
  const masked = makeRedactor(Object.values(runnable.config));
  const told = await world.agent.runJob(spec, { signal: world.signal }).then(
    ({ exitCode, endedBy, outputTail }) => ({ exitCode, endedBy, said: outputTail }),
    (error: Error) => ({ exitCode: null, endedBy: 'lost', said: [error.message] }),
  );
  if (world.signal.aborted) return;
  const by = { teamId: app.teamId, appId: app.id, actor, releaseId: runnable.release.id };
  const said = told.said.slice(-toldLines).map((line) => safe(masked(line), 200));
  inTransaction(world.database, () => appendEvent(world.database, eventOf(by, 'image.after', { ...told, said })));
  world.announce();
}
