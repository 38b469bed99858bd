// How an image starts on a developer's machine: by the functions that start it on a server, from the desired set on. Only what a server decides
// for itself is decided here: the release's name, and whom it is told its address is.
import { randomBytes } from 'node:crypto';
import type { InstanceView } from '../../agent/desired/converge.ts';
import { makeInstanceFolders } from '../../agent/supervise/instance-folders.ts';
import type { Prepared } from '../../agent/supervise/instance-parts.ts';
import { newView } from '../../agent/supervise/new-view.ts';
import { prepareContainer } from '../../agent/supervise/prepare-container.ts';
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { type CommitId, type InstanceSetId, makeId, type ReleaseId } from '../../domain/ids.ts';
import type { Artifact } from '../../domain/release.ts';
import { composeSet } from '../../release/compose.ts';
import type { LocalPlace } from './place.ts';

export type Startable = {
  app: DesiredApp;
  artifact: Artifact;
  /** The values of the app's config, as far as somebody has given them. */
  config: Readonly<Record<string, string>>;
  commit: CommitId;
  /** As the app is told which release it is. */
  label: string;
};

export type Ready = { app: DesiredApp; set: DesiredSet; view: InstanceView; prepared: Prepared };

/** Folders, volumes, network and command: everything but the start. Whoever gets it lets go of it (`place.letGo`). @throws bad-config, bad-env, engine-away */
export async function makeReady(place: LocalPlace, asked: Startable, publicPort: number): Promise<Ready> {
  const id = <P extends 'rel' | 'set'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
  const { artifact, config, label, commit } = asked;
  const release = { id: id('rel') as ReleaseId, setId: id('set') as InstanceSetId, commit };
  // What answers 500 has started: on a developer's machine that is something to look at.
  const facts = { name: asked.app.name, hosts: asked.app.hosts, wasEverHealthy: false };
  const set = composeSet(facts, { release, label, artifact, config }, 'live', publicPort);
  const app: DesiredApp = { ...asked.app, sets: [set] };
  const view = newView(app, set, 'web', Date.now());
  await place.hold(app.id, view.id);
  try {
    await makeInstanceFolders(place.folders, app, view.id);
    const { factsOf, makeReady: makeNetwork } = place.runtime;
    const parts = { folders: place.folders, factsOf, makeReady: makeNetwork };
    const web = set.processes.find(({ type }) => type === 'web')!;
    return { app, set, view, prepared: await prepareContainer(parts, app, set, web, view) };
  } catch (error) {
    await place.letGo(app.id, view.id);
    throw error;
  }
}
