// The decision: what the detectors saw, with Procfile, app.json and lockstep.yml over it, becomes a Plan. A person's
// word goes before a guess: lockstep.yml, then Procfile, then the detectors. In argv, `$PORT` is filled in by the agent.

import { gateOfFiles } from '../config/gate-config.ts';
import { type AppJson, readAppJson } from '../config/readers/app-json.ts';
import { type LockstepYml, readLockstepYml } from '../config/readers/lockstep-yml.ts';
import { badConfig } from '../config/readers/problems.ts';
import { type ProcfileLine, readProcfile } from '../config/readers/procfile.ts';
import { fail } from '../domain/errors.ts';
import { defaultGate, type GateSettings } from '../domain/gate-settings.ts';
import { type Command, defaultLimits, type Plan, type ProcessType } from '../domain/plan.ts';
import { detectors } from './detectors/all.ts';
import { type Detection, foreignSign, hasPython, type WebEntry } from './detectors/detection.ts';
import { goLayers } from './go-layers.ts';
import { type Layers, withoutLayer } from './layers.ts';
import { mkdocsLayers } from './mkdocs-layers.ts';
import { nodeLayers } from './node-layers.ts';
import { pythonLayers } from './python-layers.ts';
import { hasFile, readConfigFile, type TreeView } from './tree-view.ts';

export type ProjectConfig = { procfile: readonly ProcfileLine[]; appJson: AppJson; lockstepYml: LockstepYml };

export async function readProjectConfig(view: TreeView): Promise<ProjectConfig> {
  return {
    procfile: readProcfile((await readConfigFile(view, 'Procfile')) ?? ''),
    appJson: readAppJson((await readConfigFile(view, 'app.json')) ?? '{}'),
    lockstepYml: readLockstepYml((await readConfigFile(view, 'lockstep.yml')) ?? ''),
  };
}

/** What the tree's files say of its gate; `yml` is the text that says it. @throws bad-config */
export async function gateOfTree(view: TreeView): Promise<{ gate: GateSettings; yml: string }> {
  const yml = (await readConfigFile(view, 'lockstep.yml')) ?? '';
  const appJson = (await readConfigFile(view, 'app.json')) ?? '{}';
  if (yml === '' && appJson === '{}') return { gate: defaultGate, yml };
  return { gate: gateOfFiles(readLockstepYml(yml), readAppJson(appJson)), yml };
}

/** Of processes of the machine: each is a command. */
export type MachinePlan = Plan & {
  processes: Readonly<Record<string, { command: Command }>> & { readonly web: { command: Command } };
};

type MachineProcess = ProcessType & { command: Command };

/** @param named goes before what the detectors see. Throws `bad-config` or `no-detector`. */
export async function decidePlan(view: TreeView, named: Detection | null = null): Promise<MachinePlan> {
  const { procfile, appJson, lockstepYml } = await readProjectConfig(view);
  const found = (await Promise.all(detectors.map((one) => one.detect(view)))).filter((one) => one !== null);
  if (named !== null) found.push(named);
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
  const language = winner === undefined ? null : languageOf(view, winner);
  const isKnown = language !== null || named !== null || hasPython(view);
  const foreign = isKnown ? null : await foreignSign(view);
  if (winner === undefined || foreign !== null) throw noDetector(foreign);
  const { layer, gateLayer, built, notes } = await layersOf(view, winner.web, language);
  const processes: Record<string, MachineProcess> = {};
  for (const { name, command } of procfile) {
    if (name !== 'release' && name !== 'web') processes[name] = { command: { shell: command }, env: {} };
  }
  const release = lockstepYml.release ?? procfile.find(({ name }) => name === 'release')?.command;
  const gate = gateOfFiles(lockstepYml, appJson);
  refuseNeedOfRelease(gate, release !== undefined);
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
    ...(built ? { built } : {}),
    processes: { ...processes, web: webProcess(winner.web) },
    releaseCommand: release === undefined ? null : { shell: release },
    ...(winner.web.server === 'static' ? { site: winner.web.root } : {}),
    env: {
      ...(language === 'node' ? { NODE_ENV: 'production' } : {}),
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
    ...(gate === defaultGate ? {} : { gate }),
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

/** A check cannot look at an instance that starts after the checks. */
function refuseNeedOfRelease({ builtIn, custom, prestart }: GateSettings, hasReleaseCommand: boolean): void {
  const isLate = prestart === 'late' || prestart === 'off';
  if (!isLate && !hasReleaseCommand) return;
  const why = isLate
    ? `prestart: ${prestart} starts the candidate after the checks`
    : 'nothing of the candidate runs before its release command, which waits for the checks';
  const needing = Object.entries({ ...builtIn, ...custom }).filter(([, one]) => one !== 'off' && one.needsRelease);
  if (needing.length === 0) return;
  throw badConfig(
    'lockstep.yml',
    needing.map(([name]) => `gate.checks.${name}.needs: ${why}`),
    `Take "needs: release" away, or ${isLate ? 'say prestart: eager' : 'do at the start of the app what the release command does'}.`,
  );
}

/** What has no web server of its own can have a page of the tree's files. */
const library = 'A library can serve its own files: "web: python3 -m http.server $PORT".';

function noDetector(foreign: string | null): Error {
  if (foreign === 'package.json') {
    return fail('no-detector', 'package.json has no start script, and no file was found that listens', {
      advice: `Add "start" to the scripts of package.json, or a Procfile line like "web: node server.js". ${library}`,
    });
  }
  if (foreign === 'go.mod')
    return fail('no-detector', 'go.mod is here, and no package main at the top or under cmd/', {
      advice: `Put the program that serves there (cmd/NAME/main.go), or say in a Procfile what serves. ${library}`,
    });
  if (foreign !== null && /(?:^|\/)(?:go\.mod|[^/]+\.go)$/.test(foreign)) {
    return fail('no-detector', `${foreign} is Go, and there is no package main at the top or under cmd/ of a go.mod`, {
      advice: 'Put go.mod at the top and the program there or in cmd/NAME, or say in a Procfile what serves.',
    });
  }
  if (foreign !== null) {
    return fail('no-detector', `${foreign} belongs to a language that has no detector yet`, {
      advice: 'Python, Node and Go apps and static files run so far; nothing of this tree is served as text.',
    });
  }
  return fail('no-detector', 'Nothing here says how to run this tree', {
    advice: `Python, Node and Go apps and static files run by themselves; else add a Procfile line like "web: gunicorn app:app". ${library}`,
    details: { outputTail: detectors.map((one) => `looked for ${one.looksFor}`) },
  });
}

function webProcess(web: WebEntry): MachineProcess {
  return web.server === 'node' ? { command: web.command, env: web.env } : { command: webCommand(web), env: {} };
}

function webCommand(web: Exclude<WebEntry, { server: 'node' }>): Command {
  if (web.server === 'own') return { shell: web.shell };
  if (web.server === 'go') return { argv: [`{tree}/${web.binary}`] };
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

type AppLanguage = 'python' | 'node' | 'go' | 'mkdocs';

/** Whose layers what serves needs; null: none's. A line of a person's own is whose it names. */
function languageOf(view: TreeView, { web, language }: Detection): AppLanguage | null {
  if (language !== undefined) return language;
  const hasManifest = hasFile(view, 'package.json');
  if (web.server === 'own' && hasManifest && (!hasPython(view) || /\b(?:node|npm|npx|pnpm|yarn)\b/.test(web.shell)))
    return 'node';
  if (hasPython(view)) return 'python';
  return web.server === 'own' && hasFile(view, 'go.mod') ? 'go' : null;
}

/** A new language is one more line. */
function layersOf(view: TreeView, web: WebEntry, language: AppLanguage | null): Promise<Layers> {
  if (language === 'node') return nodeLayers(view);
  if (language === 'go') return goLayers(view);
  if (language === 'mkdocs') return mkdocsLayers(view);
  if (language === 'python') return pythonLayers(view, web);
  return Promise.resolve(withoutLayer);
}
