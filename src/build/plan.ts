// The decision: what the detectors saw, with Procfile, app.json and lockstep.yml over it, becomes a Plan. A person's
// word goes before a guess: lockstep.yml, then Procfile, then the detectors. In argv, `$PORT` is filled in by the agent.

import { type AppJson, readAppJson } from '../config/readers/app-json.ts';
import { type LockstepYml, readLockstepYml } from '../config/readers/lockstep-yml.ts';
import { type ProcfileLine, readProcfile } from '../config/readers/procfile.ts';
import { readPyproject } from '../config/readers/pyproject.ts';
import { wantedPython } from '../config/readers/python-version.ts';
import { parseRequirement, readRequirements } from '../config/readers/requirements.ts';
import { fail } from '../domain/errors.ts';
import { type Command, defaultLimits, type LayerRecipe, type Plan, type ProcessType } from '../domain/plan.ts';
import { detectors } from './detectors/all.ts';
import { type Detection, foreignSign, hasPython, type WebEntry } from './detectors/detection.ts';
import { hasFile, readConfigFile, type TreeView } from './tree-view.ts';

export type ProjectConfig = { procfile: readonly ProcfileLine[]; appJson: AppJson; lockstepYml: LockstepYml };

const modern = { gunicorn: '27.0.1', uvicorn: '0.54.0', pytest: '9.2.0', coverage: '7.17.3' };
/** For Python before 3.10, which the versions above left behind. */
const older = { gunicorn: '23.0.0', uvicorn: '0.33.0', pytest: '8.3.5', coverage: '7.6.1' };

export async function readProjectConfig(view: TreeView): Promise<ProjectConfig> {
  return {
    procfile: readProcfile((await readConfigFile(view, 'Procfile')) ?? ''),
    appJson: readAppJson((await readConfigFile(view, 'app.json')) ?? '{}'),
    lockstepYml: readLockstepYml((await readConfigFile(view, 'lockstep.yml')) ?? ''),
  };
}

/** Throws `bad-config` or `no-detector`. */
export async function decidePlan(view: TreeView): Promise<Plan> {
  const { procfile, appJson, lockstepYml } = await readProjectConfig(view);
  const found = (await Promise.all(detectors.map((one) => one.detect(view)))).filter((one) => one !== null);
  if (lockstepYml.web !== null) {
    found.push({
      name: 'lockstep.yml',
      rank: 110,
      why: 'lockstep.yml says web',
      web: { server: 'own', shell: lockstepYml.web },
      alternatives: [],
      notes: [],
    });
  }
  found.sort((a, b) => b.rank - a.rank);
  const winner = found[0];
  const foreign = hasPython(view) ? null : await foreignSign(view);
  if (winner === undefined || foreign !== null) throw noDetector(foreign);
  const { layer, gateLayer, notes } = await layers(view, winner);
  const processes: Record<string, ProcessType> = {};
  for (const { name, command } of procfile) {
    if (name !== 'release' && name !== 'web') processes[name] = { command: { shell: command }, env: {} };
  }
  const release = lockstepYml.release ?? procfile.find(({ name }) => name === 'release')?.command;
  const wanted = appJson.env.filter((one) => one.required && one.value === null && one.generator === null);
  const isSaid = Object.keys(lockstepYml.volumes).length > 0;
  const volumes = isSaid ? lockstepYml.volumes : (found.find((one) => one.volumes)?.volumes ?? {});
  const isSrcLayout = view.list().some(({ path }) => /^src\/(?:[^/]+\/)?[^/]+\.py$/.test(path));
  return {
    detector: winner.name,
    why: winner.why,
    alternatives: [...winner.alternatives, ...found.slice(1).map((one) => `${one.name}: ${one.why}`)],
    layer,
    gateLayer,
    processes: { ...processes, web: { command: webCommand(winner.web), env: {} } },
    releaseCommand: release === undefined ? null : { shell: release },
    env: {
      ...(isSrcLayout && layer.interpreter.kind === 'python' ? { PYTHONPATH: '{tree}/src' } : {}),
      ...Object.fromEntries(appJson.env.flatMap((one) => (one.value === null ? [] : [[one.name, one.value]]))),
    },
    health: {
      path: lockstepYml.health.path ?? appJson.health.path ?? '/',
      timeoutMs: lockstepYml.health.timeoutMs ?? appJson.health.timeoutMs ?? 60_000,
    },
    volumes,
    limits: { ...defaultLimits, ...lockstepYml.limits },
    testEnv: appJson.test.env,
    notes: [
      ...winner.notes.filter((note) => !(release !== undefined && note.includes('release:'))),
      ...notes,
      ...(isSaid ? [] : Object.entries(volumes)).map(
        ([name, path]) =>
          `${path}/ is kept from release to release in the volume "${name}"; volumes in lockstep.yml says otherwise`,
      ),
      ...wanted.map(({ name }) => `app.json requires ${name}; set it with lockstep config set`),
    ],
  };
}

function noDetector(foreign: string | null): Error {
  if (foreign !== null) {
    return fail('no-detector', `${foreign} belongs to a language that has no detector yet`, {
      advice: 'Python apps and static files run so far; nothing of this tree is served as text.',
    });
  }
  return fail('no-detector', 'Nothing here says how to run this tree', {
    advice: 'Python apps and static files run by themselves; else add a Procfile line like "web: gunicorn app:app".',
    details: { outputTail: detectors.map((one) => `looked for ${one.looksFor}`) },
  });
}

function webCommand(web: WebEntry): Command {
  if (web.server === 'own') return { shell: web.shell };
  if (web.server === 'script') return { argv: ['{layer}/bin/python', ...web.argv] };
  if (web.server === 'static')
    return {
      argv: [
        '{tool:static-server}',
        '--root',
        web.root === '.' ? '{tree}' : `{tree}/${web.root}`,
        '--bind',
        '127.0.0.1:$PORT',
      ],
    };
  if (web.server === 'asgi') {
    const isFactory = web.target.endsWith('()');
    return {
      argv: [
        '{layer}/bin/python',
        '-m',
        'uvicorn',
        '--host',
        '127.0.0.1',
        '--port',
        '$PORT',
        ...(isFactory ? ['--factory'] : []),
        web.target.replace('()', ''),
      ],
    };
  }
  const chdir = web.chdir === null ? [] : ['--chdir', web.chdir];
  return {
    argv: [
      '{layer}/bin/python',
      '-m',
      'gunicorn',
      '--bind',
      '127.0.0.1:$PORT',
      '--worker-class',
      'gthread',
      '--workers',
      '1',
      '--threads',
      '4',
      ...chdir,
      web.target,
    ],
  };
}

async function layers(
  view: TreeView,
  winner: Detection,
): Promise<{ layer: LayerRecipe; gateLayer: LayerRecipe | null; notes: string[] }> {
  if (!hasPython(view))
    return {
      layer: { interpreter: { kind: 'none' }, inputs: [], extras: [], installer: { tool: 'none' } },
      gateLayer: null,
      notes: [],
    };
  const read = (path: string) => readConfigFile(view, path);
  const pyprojectText = await read('pyproject.toml');
  const pyproject = pyprojectText === null ? null : readPyproject(pyprojectText);
  const wanted = wantedPython({
    pythonVersion: await read('.python-version'),
    runtimeTxt: await read('runtime.txt'),
    requiresPython: pyproject?.requiresPython ?? null,
  });
  const interpreter = { kind: 'python', version: wanted?.spec ?? null } as const;
  const pins = /^(?:==)?3\.[0-9](?:\.|$)/.test(wanted?.spec ?? '') ? older : modern;
  const notes: string[] = [];
  const names = new Set<string>();
  const addNames = (specifiers: readonly string[]) =>
    specifiers.forEach((one) => void names.add(parseRequirement(one)?.name ?? ''));
  const missing = (...tools: (keyof typeof modern)[]) =>
    tools.filter((tool) => !names.has(tool)).map((tool) => `${tool}==${pins[tool]}`);
  const shell = winner.web.server === 'own' ? winner.web.shell : '';
  const needsGunicorn = winner.web.server === 'wsgi' || /\bgunicorn\b/.test(shell);
  const needsUvicorn = winner.web.server === 'asgi' || /\buvicorn\b/.test(shell);
  const servers = () => [...(needsGunicorn ? missing('gunicorn') : []), ...(needsUvicorn ? missing('uvicorn') : [])];

  if (hasFile(view, 'uv.lock') && pyproject !== null) {
    // A lock may be larger than configuration is; its names are all that is needed, and uv reads it itself.
    const lock = (await view.read('uv.lock', 8 * 1024 * 1024))?.toString('utf8') ?? '';
    addNames(pyproject.dependencies);
    const inputs = [
      'uv.lock',
      ...view
        .list()
        .map(({ path }) => path)
        .filter((path) => /(?:^|\/)pyproject\.toml$/.test(path)),
    ];
    const layer: LayerRecipe = { interpreter, inputs, extras: servers(), installer: { tool: 'uv-sync' } };
    for (const match of lock.matchAll(/^name = "([^"]+)"$/gm)) names.add(match[1]!);
    return { layer, gateLayer: { ...layer, extras: [...layer.extras, ...missing('pytest', 'coverage')] }, notes };
  }
  if (hasFile(view, 'requirements.txt')) {
    const { requirements, files, local } = await readRequirements('requirements.txt', read);
    for (const { name } of requirements) names.add(name);
    if (local.length > 0)
      notes.push(`requirements.txt installs ${local.join(', ')} of the tree itself; list its dependencies instead`);
    const layer: LayerRecipe = {
      interpreter,
      inputs: files,
      extras: servers(),
      installer: { tool: 'uv-requirements', files: ['requirements.txt'] },
    };
    const more = view
      .list()
      .map(({ path }) => path)
      .filter((path) =>
        /^(?:requirements[-_](?:dev|test|tests|ci)|(?:dev|test)[-_]requirements|requirements\/(?:dev|test|tests|development))\.txt$/.test(
          path,
        ),
      );
    const all = [...files];
    for (const path of more) {
      const other = await readRequirements(path, read);
      for (const { name } of other.requirements) names.add(name);
      all.push(...other.files.filter((file) => !all.includes(file)));
    }
    return {
      layer,
      gateLayer: {
        ...layer,
        inputs: all,
        extras: [...layer.extras, ...missing('pytest', 'coverage')],
        installer: { tool: 'uv-requirements', files: ['requirements.txt', ...more] },
      },
      notes,
    };
  }
  addNames(pyproject?.dependencies ?? []);
  const development = (lists: Readonly<Record<string, readonly string[]>>) =>
    Object.keys(lists).filter((name) => /^(?:dev|test|tests|testing)$/.test(name));
  if (pyproject?.kind === 'project') {
    const layer: LayerRecipe = {
      interpreter,
      inputs: ['pyproject.toml'],
      extras: servers(),
      installer: { tool: 'uv-project', extras: [], groups: [] },
    };
    const extras = development(pyproject.optional);
    const groups = development(pyproject.groups);
    for (const one of extras) addNames(pyproject.optional[one]!);
    for (const one of groups) addNames(pyproject.groups[one]!);
    return {
      layer,
      gateLayer: {
        ...layer,
        extras: [...layer.extras, ...missing('pytest', 'coverage')],
        installer: { tool: 'uv-project', extras, groups },
      },
      notes,
    };
  }
  const layer: LayerRecipe = {
    interpreter,
    inputs: [],
    extras: [...(pyproject?.dependencies ?? []), ...servers()],
    installer: { tool: 'none' },
  };
  const forTests = development(pyproject?.groups ?? {}).flatMap((name) => pyproject!.groups[name]!);
  addNames(forTests);
  return {
    layer,
    gateLayer: { ...layer, extras: [...layer.extras, ...forTests, ...missing('pytest', 'coverage')] },
    notes,
  };
}
