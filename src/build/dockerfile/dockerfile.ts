// A Dockerfile for a tree, from the same detectors and the same plan as the process runtime: dependencies before sources, caches mounted and
// in no layer, a user of its own, and nothing in the last stage that only builds. The same tree gives the same text.
import type { Command, Plan } from '../../domain/plan.ts';
import { volumeVariable } from '../../domain/volume-variable.ts';
import { decidePlan, type MachinePlan } from '../plan.ts';
import type { TreeView } from '../tree-view.ts';
import { plainBase, siteBase } from './bases.ts';
import { writeGo } from './go.ts';
import { cmd, comment, env, runLine, shellWord } from './lines.ts';
import { writeNode } from './node.ts';
import { writeMkdocs, writePython } from './python.ts';
import { appFolder, cacheFolder, type Made, type Writer } from './stages.ts';

/** Whom the app runs as; volumes are its own. */
export const appUid = 10_001;
/** Where it listens unless told otherwise. */
export const usualPort = 8080;

/** A new language is one more line. */
const writers: Readonly<Record<Plan['layer']['interpreter']['kind'], Writer>> = {
  python: writePython,
  node: writeNode,
  go: writeGo,
  none: async ({ plan, ...more }) => {
    const maker = plan.built ? plan.gateLayer?.interpreter.kind : undefined;
    if (maker === 'go') return writeGo({ plan, ...more });
    return maker === 'python' ? writeMkdocs({ plan, ...more }) : asItIs(plan);
  },
};

/** A tree that nothing is made of. */
const asItIs = ({ site }: Plan): Made => ({
  stages: [],
  base: site === undefined ? plainBase : siteBase,
  takes: [site === undefined ? 'COPY . .' : `COPY ${site === '.' ? '.' : `${site}/`} /site`],
  layer: null,
  path: [],
  env: {},
});

/**
 * @param cacheId names the caches of one app on a machine that builds for many; left out: a builder's own
 * @throws bad-config, no-detector
 */
export async function writeDockerfile(
  view: TreeView,
  cacheId: string | null = null,
): Promise<{ text: string; notes: string[] }> {
  const plan = await decidePlan(view);
  const notes: string[] = [];
  const cache = { folder: cacheFolder, id: cacheId };
  const made = await writers[plan.layer.interpreter.kind]({ plan, view, notes, cache });
  const last = plan.site === undefined ? programStage(plan, view, made, notes) : siteStage(made);
  const head = [
    comment(`Written by lockstep dockerfile: ${plan.detector} (${plan.why})`),
    ...(plan.releaseCommand ? [comment(`Before a release: ${sayCommand(plan.releaseCommand, made.layer)}`)] : []),
  ];
  const text = [head, ...made.stages, last].map((lines) => `${lines.join('\n')}\n`).join('\n');
  return { text, notes };
}

function programStage(plan: MachinePlan, view: TreeView, made: Made, notes: string[]): string[] {
  const { command, env: ofProcess } = plan.processes.web;
  const place = (value: string) => placed(value, made.layer);
  const values = Object.entries({ ...made.env, ...plan.env, ...ofProcess });
  const volumes = Object.entries(plan.volumes);
  const user = `echo 'app:x:${appUid}:${appUid}::${appFolder}:/usr/sbin/nologin' >> /etc/passwd`;
  const folders = volumes.map(([, path]) => shellWord(`${appFolder}/${path}`)).join(' ');
  const own = folders === '' ? [] : [`mkdir -p ${folders} && chown ${appUid}:${appUid} ${folders}`];
  // What the tree brings would be root's again; where it brings nothing, this need not be done at every change.
  const isLate = view.list().some(({ path }) => volumes.some(([, folder]) => path.startsWith(`${folder}/`)));
  notes.push(...loopbackNotes(command));
  return [
    `FROM ${made.base}`,
    runLine([user, ...(isLate ? [] : own)].join(' && ')),
    `WORKDIR ${appFolder}`,
    ...made.takes,
    ...(isLate ? own.map(runLine) : []),
    ...(made.path.length === 0 ? [] : [`ENV PATH="${made.path.join(':')}:$PATH"`]),
    ...env({
      ...Object.fromEntries(values.map(([name, value]) => [name, place(value)])),
      ...Object.fromEntries(volumes.map(([name, path]) => [volumeVariable(name), `${appFolder}/${path}`])),
      HOME: '/tmp',
      PORT: String(usualPort),
    }),
    `USER ${appUid}:${appUid}`,
    `EXPOSE ${usualPort}`,
    cmd(startArgv(command, made.layer)),
  ];
}

/** As the process runtime serves files: no folder listing, no dotfiles, 404.html where there is one. */
function siteStage(made: Made): string[] {
  const caddyfile = [
    ...['{', 'admin off', 'auto_https off', 'persist_config off', '}', ':{$PORT} {', 'root * /site'],
    ...['header X-Content-Type-Options nosniff', 'header Cache-Control no-cache', 'file_server {', 'hide .*', '}'],
    ...['handle_errors {', 'rewrite * /404.html', 'file_server', '}', '}'],
  ];
  return [
    `FROM ${made.base}`,
    // A copy has no capabilities of its own, with which it could not start where none may be had.
    runLine(
      `cp /usr/bin/caddy /site-server && printf '%s\\n' ${caddyfile.map(shellWord).join(' ')} > /etc/caddy/Caddyfile`,
    ),
    ...made.takes,
    ...env({ HOME: '/tmp', XDG_CONFIG_HOME: '/tmp', XDG_DATA_HOME: '/tmp', PORT: String(usualPort) }),
    `USER ${appUid}:${appUid}`,
    `EXPOSE ${usualPort}`,
    cmd(['/site-server', 'run', '--config', '/etc/caddy/Caddyfile']),
  ];
}

const placed = (word: string, layer: string | null): string =>
  word.replaceAll('{tree}', appFolder).replaceAll('{layer}', layer ?? '/usr');

/** The app's own start, reachable from outside of its container, as the first process of it. */
function startArgv(command: Command, layer: string | null): string[] {
  if ('shell' in command) return ['/bin/sh', '-c', executed(command.shell)];
  const argv = command.argv.map((word, index) => {
    const isHost = word === '127.0.0.1' && command.argv[index - 1] === '--host';
    return placed(isHost ? '0.0.0.0' : word.replace(/^127\.0\.0\.1:\$PORT$/, '0.0.0.0:$PORT'), layer);
  });
  if (!argv.some((word) => word.includes('$PORT'))) return argv;
  const words = argv.map((word) => (word.includes('$PORT') ? `"${quoted(word)}"` : shellWord(word)));
  return ['/bin/sh', '-c', `exec ${words.join(' ')}`];
}

/** Within double quotes: only PORT is replaced. */
const quoted = (word: string): string => word.replace(/[\\"`]|\$(?!PORT\b)/g, '\\$&');

/** A single command takes the shell's place, so that signals reach it. */
function executed(line: string): string {
  const isSingle =
    !/[;&|<>()`\n{}]|^\s*(?:exec\s|[A-Za-z_]\w*=)|^\s*(?:if|for|while|until|case|cd|export|set|\.|source|!)\s/.test(
      line,
    );
  return isSingle ? `exec ${line.trim()}` : line;
}

function sayCommand(command: Command, layer: string | null): string {
  return 'shell' in command ? command.shell : command.argv.map((word) => placed(word, layer)).join(' ');
}

/** What listens where nobody outside of the container can reach it. */
function loopbackNotes(command: Command): string[] {
  if (!('shell' in command)) return [];
  const found = /\b(?:127\.0\.0\.1|localhost)\b/.exec(command.shell)?.[0];
  const django = /\brunserver\s+(?:"?\$|\d+(?:\s|$)|$)/.test(command.shell) ? 'runserver without an address' : null;
  const what = found ?? django;
  return what === null ? [] : [`the start command listens on the loopback (${what}): in a container let it be 0.0.0.0`];
}
