// Everything that must be there before an instance can start: tree, layer, tools, volumes, a port; and the command that
// follows. A thing that is missing is named, with what to do.
import { readlink, stat } from 'node:fs/promises';
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import type { InstanceView } from '../desired/converge.ts';
import type { HomeFolders } from '../folders.ts';
import { freePort } from './free-port.ts';
import type { Prepared } from './instance-parts.ts';
import { startPlan, toolNames } from './start-plan.ts';
import { linkVolumes } from './volumes.ts';

export type PrepareParts = {
  folders: HomeFolders;
  /** The path that stands for `{tool:NAME}`. */
  toolPath(name: string): Promise<string>;
  /** An interpreter that apps can execute, for a release without a layer. */
  platformPython(): Promise<string | null>;
  portsInUse(): ReadonlySet<number>;
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
  const { folders } = parts;
  const tree = folders.tree(app.id, set.artifact.treeId);
  const layer = set.artifact.layerKey === null ? null : folders.layer(app.id, set.artifact.layerKey);
  const isWeb = view.type === 'web';
  const needsPython = layer === null && JSON.stringify(declared).includes('{python}');
  await assertFolder(tree, `The release directory of tree ${set.artifact.treeId}`);
  if (layer !== null) {
    await assertFolder(layer, `The dependency layer ${set.artifact.layerKey}`);
    await assertInterpreter(layer);
  }
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

/** A layer stands on the Python that it was made with, by a link. */
async function assertInterpreter(layer: string): Promise<void> {
  const python = `${layer}/bin/python`;
  const target = await readlink(python).catch(() => null); // a layer of another kind
  if (target === null || (await stat(python).catch(() => null)) !== null) return;
  throw fail('no-interpreter', `The Python that the app was installed with is gone: ${target}.`, {
    advice: 'Install it again; or restart Lockstep and push again, then the app is installed with one that is there.',
  });
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

async function assertFolder(path: string, what: string): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there?.isDirectory()) return;
  throw fail('bad-config', `${what} is not on this machine.`, { advice: 'Deploy again: it is made anew.' });
}
