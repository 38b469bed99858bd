// The dependency layers of a Python app: what serves, and what its tests need beyond that, read from uv.lock, requirements
// or pyproject.toml, in that order. A server, pytest and coverage are added where the app names none, in a fixed version.

import { readPyproject } from '../config/readers/pyproject.ts';
import { wantedPython } from '../config/readers/python-version.ts';
import { parseRequirement, readRequirements } from '../config/readers/requirements.ts';
import { toxRequirements } from '../config/readers/tox.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import type { WebEntry } from './detectors/detection.ts';
import type { Layers } from './layers.ts';
import { ownDistribution, placeOfModules } from './own-distribution.ts';
import { buildOf, readSetupProject } from './setup-project.ts';
import { hasFile, readConfigFile, type TreeView } from './tree-view.ts';

const modern = { gunicorn: '27.0.1', uvicorn: '0.54.0', pytest: '9.2.0', coverage: '7.17.3' };
/** For Python before 3.10, which the versions above left behind. */
const older = { gunicorn: '23.0.0', uvicorn: '0.33.0', pytest: '8.3.5', coverage: '7.6.1' };

/** What builds documentation: only where it is, what it needs is installed. */
const docsConfig = /^(?:docs?\/(?:source\/)?conf\.py|mkdocs\.ya?ml)$/;
const docsRequirements =
  /^(?:requirements[-_]docs?|docs?[-_]requirements|requirements\/docs?|docs?\/requirements)\.txt$/;

/** What tests need, in files of requirements. */
const testFiles =
  /^(?:requirements[-_](?:tests?|ci)|tests?[-_]requirements|requirements\/(?:tests?|testing)|tests?\/requirements)\.txt$/;
/** What a type checker needs: its own version, stubs of packages. */
const typingFiles = /^(?:requirements[-_]typing|requirements\/(?:typing|types|mypy))\.txt$/;
const developmentName = /^(?:dev|test|tests|testing|lint|docs?|types?|typing)$/;
const developmentFiles = /^(?:requirements[-_]dev|dev[-_]requirements|requirements\/(?:dev|development))\.txt$/;

/** @throws bad-config */
export async function pythonLayers(view: TreeView, web: WebEntry): Promise<Layers> {
  const { layer, gateLayer, ...more } = await requiredLayers(view, web);
  const own = await ownDistribution(view);
  if (!own) return { layer, gateLayer, ...more };
  return {
    layer: { ...layer, own },
    gateLayer: gateLayer && { ...gateLayer, own: { ...own, place: placeOfModules(view) } },
    ...more,
  };
}

async function requiredLayers(view: TreeView, web: WebEntry): Promise<Layers> {
  const read = (path: string) => readConfigFile(view, path);
  const pyprojectText = await read('pyproject.toml');
  const pyproject = pyprojectText === null ? null : readPyproject(pyprojectText);
  const isSetup = pyproject === null || pyproject.kind === 'none';
  const setup = isSetup ? await readSetupProject(view, developmentName) : null;
  const wanted = wantedPython({
    pythonVersion: await read('.python-version'),
    runtimeTxt: await read('runtime.txt'),
    requiresPython: pyproject?.requiresPython ?? setup?.requiresPython ?? null,
  });
  const interpreter = { kind: 'python', version: wanted?.spec ?? null } as const;
  const pins = /^(?:==)?3\.[0-9](?:\.|$)/.test(wanted?.spec ?? '') ? older : modern;
  const hasDocs = view.list().some(({ path }) => docsConfig.test(path));
  const notes: string[] = [];
  const names = new Set<string>();
  const addNames = (specifiers: readonly string[]) =>
    specifiers.forEach((one) => void names.add(parseRequirement(one)?.name ?? ''));
  const missing = (...tools: (keyof typeof modern)[]) =>
    tools.filter((tool) => !names.has(tool)).map((tool) => `${tool}==${pins[tool]}`);
  const shell = web.server === 'own' ? web.shell : '';
  const needsGunicorn = web.server === 'wsgi' || /\bgunicorn\b/.test(shell);
  const needsUvicorn = web.server === 'asgi' || /\buvicorn\b/.test(shell);
  const servers = () => [...(needsGunicorn ? missing('gunicorn') : []), ...(needsUvicorn ? missing('uvicorn') : [])];

  const filesLike = (...kinds: readonly RegExp[]) =>
    view
      .list()
      .map(({ path }) => path)
      .filter((path) => kinds.some((kind) => kind.test(path)));

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
    const { requirements, files, local, own } = await readRequirements('requirements.txt', read);
    for (const { name } of requirements) names.add(name);
    const itself = pyproject?.kind === 'project' ? pyproject : setup?.program === null ? setup : null;
    const others = local.filter((path) => own === null || itself === null || path.length > 2);
    if (others.length > 0)
      notes.push(`requirements.txt installs ${others.join(', ')} of the tree itself; list its dependencies instead`);
    // What an installation of the tree itself would bring.
    const brought =
      own === null || itself === null
        ? []
        : [...itself.dependencies, ...own.flatMap((extra) => itself.optional[extra] ?? [])];
    addNames(brought);
    const layer: LayerRecipe = {
      interpreter,
      inputs: files,
      extras: [...brought, ...servers()],
      installer: { tool: 'uv-requirements', files: ['requirements.txt'] },
    };
    const more = filesLike(testFiles, developmentFiles, ...(hasDocs ? [docsRequirements] : []));
    const tox = more.length === 0 ? toxRequirements((await read('tox.ini')) ?? '') : null;
    for (const path of tox?.files ?? []) if (hasFile(view, path) && !files.includes(path)) more.push(path);
    const forTests = (tox?.requirements ?? []).filter((one) => !names.has(parseRequirement(one)!.name));
    addNames(forTests);
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
        extras: [...layer.extras, ...forTests, ...missing('pytest', 'coverage')],
        installer: { tool: 'uv-requirements', files: ['requirements.txt', ...more] },
      },
      notes,
    };
  }
  const development = (lists: Readonly<Record<string, readonly string[]>>) =>
    Object.keys(lists).filter((name) => developmentName.test(name) && (hasDocs || !/^docs?$/.test(name)));
  if (pyproject?.kind === 'project') {
    addNames(pyproject.dependencies);
    const build = pyproject.isDynamic ? await buildOf(view) : null;
    const program = build === null ? {} : ({ program: 'pyproject.toml', folders: build.folders } as const);
    const layer: LayerRecipe = {
      interpreter,
      inputs: build?.inputs ?? ['pyproject.toml'],
      extras: servers(),
      installer: { tool: 'uv-project', extras: [], groups: [], ...program },
    };
    const extras = development(pyproject.optional);
    const groups = development(pyproject.groups);
    for (const one of extras) addNames(pyproject.optional[one]!);
    for (const one of groups) addNames(pyproject.groups[one]!);
    const tox = toxRequirements((await read('tox.ini')) ?? '');
    const said = filesLike(testFiles);
    const files = [
      ...new Set([
        ...(said.length > 0 ? said : tox.files.filter((path) => hasFile(view, path))),
        ...(extras.length + groups.length + said.length + tox.files.length === 0 ? filesLike(developmentFiles) : []),
        ...filesLike(typingFiles),
        ...(hasDocs ? filesLike(docsRequirements) : []),
      ]),
    ];
    const inputs = new Set(layer.inputs);
    for (const path of files) {
      const other = await readRequirements(path, read);
      for (const { name } of other.requirements) names.add(name);
      for (const file of other.files) inputs.add(file);
    }
    const forTests = files.length + extras.length + groups.length === 0 ? tox.requirements : [];
    addNames(forTests);
    return {
      layer,
      gateLayer: {
        ...layer,
        inputs: [...inputs],
        extras: [...layer.extras, ...forTests, ...missing('pytest', 'coverage')],
        installer: { tool: 'uv-project', extras, groups, ...(files.length > 0 ? { files } : {}), ...program },
      },
      notes,
    };
  }
  const optional = setup?.optional ?? pyproject?.optional ?? {};
  const says = setup?.dependencies ?? pyproject?.dependencies ?? [];
  addNames(says);
  const program = setup?.program ?? null;
  const files = filesLike(testFiles, typingFiles, developmentFiles, ...(hasDocs ? [docsRequirements] : []));
  const inputs = new Set(program?.inputs ?? []);
  const run = { program: 'setup.py', folders: program?.folders ?? [] } as const;
  const layer: LayerRecipe = {
    interpreter,
    inputs: [...inputs],
    extras: [...says, ...servers()],
    installer: program === null ? { tool: 'none' } : { tool: 'uv-project', extras: [], groups: [], ...run },
  };
  for (const path of files) {
    const other = await readRequirements(path, read);
    for (const { name } of other.requirements) names.add(name);
    for (const file of other.files) inputs.add(file);
  }
  const groups = pyproject?.groups ?? {};
  const forTests = [
    ...development(optional).flatMap((name) => optional[name]!),
    ...development(groups).flatMap((name) => groups[name]!),
  ];
  addNames(forTests);
  const tox = files.length + forTests.length + (program?.extras.length ?? 0) === 0;
  const told = tox ? toxRequirements((await read('tox.ini')) ?? '').requirements : [];
  addNames(told);
  const extras = program?.extras.filter((name) => hasDocs || !/^docs?$/.test(name)) ?? [];
  return {
    layer,
    gateLayer: {
      ...layer,
      inputs: [...inputs],
      extras: [...layer.extras, ...forTests, ...told, ...missing('pytest', 'coverage')],
      installer:
        program !== null
          ? { tool: 'uv-project', extras, groups: [], ...(files.length > 0 ? { files } : {}), ...run }
          : { tool: 'none', ...(files.length > 0 ? { files } : {}) },
    },
    notes,
  };
}
