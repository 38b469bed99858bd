// The start of an instance whose release is an image: what it is told, where its volumes are in it, whom it runs as. Nothing of this machine's
// places is in its command or environment: an image is the same wherever it runs.
import { posix } from 'node:path';
import type { AppRef } from '../../domain/agent.ts';
import type { DesiredApp, DesiredProcess, DesiredSet } from '../../domain/desired.ts';
import type { AppId, ImageId } from '../../domain/ids.ts';
import type { ImageArtifact } from '../../domain/release.ts';
import { volumeVariable } from '../../domain/volume-variable.ts';
import type { Identity } from '../../lib/identity.ts';
import type { InstanceView } from '../desired/converge.ts';
import type { HomeFolders } from '../folders.ts';
import { assertEnv } from '../process/scrubbed-env.ts';
import { type ContainerStart, isOwnInit } from '../runtimes/docker/container-spec.ts';
import type { ImageFacts } from '../runtimes/docker/image-facts.ts';
import { liveIdentityOf } from './instance-folders.ts';
import type { Prepared } from './instance-parts.ts';
import { shareVolume, sharingGroup, takeVolume } from './volume-owner.ts';
import { makeVolume, placeOfVolume } from './volumes.ts';

export type ContainerParts = {
  folders: HomeFolders;
  /** @throws engine-away; bad-config with `lacks` */
  factsOf(image: ImageId): Promise<ImageFacts>;
  /** The network that it starts in. */
  makeReady(app: AppId): Promise<void>;
};

/** Where an app listens unless its image says another place. */
export const usualPort = 8080;

/** What PORT is: the one port that the image names, or the usual one. */
export const portOf = ({ ports }: Pick<ImageArtifact, 'ports'>): number => (ports.length === 1 ? ports[0]! : usualPort);

/** @throws bad-config, bad-env, engine-away: each becomes the reason of a failed start */
export async function prepareContainer(
  parts: ContainerParts,
  app: DesiredApp,
  set: DesiredSet,
  declared: DesiredProcess,
  view: InstanceView,
): Promise<Prepared> {
  const image = set.artifact.image!;
  const ready = parts.makeReady(app.id);
  ready.catch(() => {});
  // On the disk and not in memory, measured and gone with the instance.
  const tmp = `${parts.folders.instance(app.id, view.id)}/tmp`;
  const { facts, volumes, ...place } = await placeInContainer(parts, app, image, set.volumes, tmp);
  await ready;
  const port = view.type === 'web' ? portOf(image) : null;
  const env = containerEnv(app, set, declared, view, port, volumes);
  const argv = argvOf(declared, port);
  return {
    ...{ argv, env, port, cwd: '' },
    container: { ...place, isOwnInit: isOwnInit(argv.length > 0 ? argv : facts.argv) },
  };
}

/**
 * What of this machine a container of the app has, and as whom it runs: an instance, or a command of its owner's. The volumes are made.
 * @param tmp of what Lockstep wrote the image of: then nothing else can be written
 */
export async function placeInContainer(
  { folders, factsOf }: Pick<ContainerParts, 'folders' | 'factsOf'>,
  app: AppRef,
  image: Pick<ImageArtifact, 'id' | 'isGenerated'>,
  volumes: Readonly<Record<string, string>>,
  tmp: string,
): Promise<
  Omit<ContainerStart, 'isOwnInit'> & { facts: ImageFacts; volumes: { name: string; from: string; to: string }[] }
> {
  const own = liveIdentityOf(app);
  const facts = await factsOf(image.id);
  const isOurs = image.isGenerated;
  const places = Object.entries(volumes).map(([name, path]) => ({
    name,
    from: folders.volume(app.id, name),
    to: posix.join(facts.workingDir, placeOfVolume(name, path)),
  }));
  for (const { from } of places) {
    await makeVolume(from, app);
    await (isOurs ? takeVolume(from, app) : shareVolume(from, app));
  }
  return {
    ...{ app: app.id, image: image.id, facts, volumes: places },
    user: isOurs ? userOf(own) : null,
    groups: isOurs || places.length === 0 ? [] : groupsOf(app),
    isConfined: image.isGenerated,
    mounts: [...places.map(({ from, to }) => ({ from, to })), ...(isOurs ? [{ from: tmp, to: '/tmp' }] : [])],
  };
}

/** Without users of the apps' own everything of theirs is the agent's user's. */
const userOf = (own: Identity | null): string =>
  own === null ? `${process.getuid?.()}:${process.getgid?.()}` : `${own.uid}:${own.gid}`;

const groupsOf = (app: AppRef): string[] => {
  const group = sharingGroup(app);
  return group === null ? [] : [String(group)];
};

function argvOf({ command }: DesiredProcess, port: number | null): string[] {
  if (command === null) return [];
  if ('shell' in command) return ['/bin/sh', '-c', command.shell];
  return command.argv.map((word) => (port === null ? word : word.replace(/\$(?:PORT\b|\{PORT\})/g, String(port))));
}

/** @throws bad-env */
function containerEnv(
  app: DesiredApp,
  set: DesiredSet,
  declared: DesiredProcess,
  view: InstanceView,
  port: number | null,
  volumes: readonly { name: string; to: string }[],
): Record<string, string> {
  assertEnv(declared.env);
  return {
    LOCKSTEP_APP: app.name,
    LOCKSTEP_RELEASE: set.releaseLabel,
    ...declared.env,
    LOCKSTEP_INSTANCE: view.id,
    ...(port === null ? {} : { PORT: String(port) }),
    ...Object.fromEntries(volumes.map(({ name, to }) => [volumeVariable(name), to])),
  };
}
