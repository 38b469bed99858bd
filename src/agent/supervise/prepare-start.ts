// Everything that must be there before an instance can start: tree, layer, tools, volumes, a port; and the command that
// follows. A thing that is missing is named, with what to do.
import { readlink, stat } from 'node:fs/promises';
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import type { ArtifactPart } from '../../domain/observed.ts';
import type { InstanceView } from '../desired/converge.ts';
import type { HomeFolders } from '../folders.ts';
import { layerMarker } from '../layer-places.ts';
import { freePort } from './free-port.ts';
import type { Prepared } from './instance-parts.ts';
import { type ContainerParts, prepareContainer } from './prepare-container.ts';
import { startPlan, toolNames } from './start-plan.ts';
import { linkVolumes } from './volumes.ts';

export type PrepareParts = {
  folders: HomeFolders;
  /** The path that stands for `{tool:NAME}`. */
  toolPath(name: string): Promise<string>;
  /** An interpreter that apps can execute, for a release without a layer. */
  platformPython(): Promise<string | null>;
  portsInUse(): ReadonlySet<number>;
  containers: ContainerParts;
};

/** @throws bad-config, bad-env, no-interpreter, internal: each becomes the reason of a failed start */
export async function prepareStart(
  parts: PrepareParts,
  app: DesiredApp,
  set: DesiredSet,
  view: InstanceView,
): Promise<Prepared> {
  const declared = set.processes.find((one) => one.type === view.type);
  if (declared === undefined) throw fail('bad-config', `The release has no process "${view.type}".`);
  if (set.artifact.image) return prepareContainer(parts.containers, app, set, declared, view);
  const { folders } = parts;
  const release = folders.tree(app.id, set.artifact.treeId);
  const [layer, built] = [set.artifact.layerKey, set.artifact.builtKey ?? null].map((key) =>
    key === null ? null : folders.layer(app.id, key),
  ) as [string | null, string | null];
  const tree = built ?? release;
  const isWeb = view.type === 'web';
  const needsPython = layer === null && JSON.stringify(declared).includes('{python}');
  await assertArtifact(release, [layer, built], set.artifact);
  if (layer !== null) await assertInterpreter(layer);
  const [port, volumes, tools, python] = await Promise.all([
    isWeb ? reservePort(parts, view) : null,
    linkVolumes(folders, app, tree, set.volumes),
    Promise.all(toolNames(declared).map(async (name) => [name, await parts.toolPath(name)] as const)),
    needsPython ? parts.platformPython() : null,
  ]);
  const home = folders.instance(app.id, view.id);
  const { argv, env } = startPlan(declared, {
    instanceId: view.id,
    appName: app.name,
    releaseLabel: set.releaseLabel,
    tree,
    layer,
    python,
    tools: new Map(tools),
    home,
    tmp: `${home}/tmp`,
    volumes,
    port,
  });
  return { argv, env, cwd: tree, port };
}

/** A layer stands on the interpreter that it was made with, by a link. */
async function assertInterpreter(layer: string): Promise<void> {
  for (const [program, name] of [
    ['python', 'Python'],
    ['node', 'Node'],
  ]) {
    const link = `${layer}/bin/${program}`;
    const target = await readlink(link).catch(() => null); // a layer of another kind
    if (target === null || (await stat(link).catch(() => null)) !== null) continue;
    throw fail('no-interpreter', `The ${name} that the app was installed with is gone: ${target}.`, {
      advice: 'Install it again; or restart Lockstep and push again, then the app is installed with one that is there.',
    });
  }
}

/** Told at once: another start that looks for a port at the same time takes another one. */
async function reservePort({ portsInUse }: PrepareParts, view: InstanceView): Promise<number> {
  for (;;) {
    const port = await freePort(portsInUse());
    if (portsInUse().has(port)) continue;
    view.port = port;
    return port;
  }
}

/** What lacks is named in `details.lacks`: control hears it and sends it again. A layer without its marker is none. */
async function assertArtifact(
  tree: string,
  layers: readonly (string | null)[],
  artifact: DesiredSet['artifact'],
): Promise<void> {
  const isThere = async (path: string) => (await stat(path).catch(() => null)) !== null;
  const lacks: Exclude<ArtifactPart, 'image'>[] = [];
  if (!(await isThere(tree))) lacks.push('tree');
  for (const layer of layers)
    if (layer !== null && !lacks.includes('layer') && !((await isThere(layer)) && (await isThere(layerMarker(layer)))))
      lacks.push('layer');
  if (lacks.length === 0) return;
  const names = {
    tree: `release directory of tree ${artifact.treeId}`,
    layer: `${artifact.builtKey ? 'built tree or its ' : ''}dependency layer ${artifact.layerKey ?? artifact.builtKey}`,
  };
  const what = lacks.map((part) => names[part]).join(' and the ');
  throw fail('bad-config', `The ${what} ${lacks.length > 1 ? 'are' : 'is'} not on this machine.`, {
    advice: 'Lockstep sends it again by itself; the log of control says when it cannot.',
    details: { lacks },
  });
}
