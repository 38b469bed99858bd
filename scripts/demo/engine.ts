// Where a demo of the docker runtime finds its engine, and of which base image its app is built: the machine's own engine, or with
// LOCKSTEP_TEST_ENGINE one of the tests' own (`install` starts it for this demo). Of the machine's engine nothing is stopped or removed but what
// the demo's own Lockstep made.
import { askEngine } from '../../src/agent/engine/ask.ts';
import { lookAtEngine } from '../../src/agent/engine/look.ts';
import { engineSocketOf } from '../../src/config/engine-socket.ts';
import { giveBaseImage } from '../engine/base-images.ts';
import { ensureInstalled } from '../engine/install.ts';
import { OwnEngine, ownSocket } from '../engine/own-engine.ts';

export type DemoEngine = AsyncDisposable & {
  socket: string;
  /** `3.11`: the version line of Python whose image is there; null: the engine asks its registry for the usual one. */
  python: string | null;
  /** What of one Lockstep is in it, in words; empty: nothing. `node`: by its id. */
  leftOf(node: string): Promise<string[]>;
};

const askMs = 10_000;
const lists = { container: 'containers/json?all=1&', network: 'networks?', image: 'images/json?' } as const;
const ownOne = 'LOCKSTEP_TEST_ENGINE=install npm run demo -- --runtime docker';

/** @throws an Error that says what to do when there is no engine */
export async function openDemoEngine(env: Readonly<Record<string, string | undefined>>): Promise<DemoEngine> {
  await using open = new AsyncDisposableStack();
  const named = env.LOCKSTEP_TEST_ENGINE ?? '';
  if (named === 'install') {
    ensureInstalled();
    open.use(await OwnEngine.start());
  }
  const socket = named === 'install' ? ownSocket : named.startsWith('/') ? named : engineSocketOf(env);
  const look = await lookAtEngine(socket);
  if (look.state !== 'ready')
    throw new Error(
      `${look.why}.\n${look.advice}\nOr, as root on Debian, with an engine and a base image made for this demo alone: ${ownOne}`,
    );
  const { api } = look.facts;
  const python =
    socket === ownSocket ? versionIn(await giveBaseImage(socket, 'python')) : await newestPython(socket, api);
  const ours = open.move();
  return {
    ...{ socket, python },
    leftOf: (node) => leftInEngine(socket, api, node),
    [Symbol.asyncDispose]: () => ours.disposeAsync(),
  };
}

async function leftInEngine(socket: string, api: string, node: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.node=${node}`] }));
  const left: string[] = [];
  for (const [what, path] of Object.entries(lists)) {
    const { body } = await askEngine(socket, `/v${api}/${path}filters=${filters}`, { timeoutMs: askMs });
    for (const { Id } of JSON.parse(body) as { Id: string }[]) left.push(`the ${what} ${Id.slice(0, 19)}`);
  }
  return left;
}

const versionIn = (tag: string): string | null => /^python:(\d+\.\d+)-slim$/.exec(tag)?.[1] ?? null;

/** Of those that need not be pulled. */
async function newestPython(socket: string, api: string): Promise<string | null> {
  const { body } = await askEngine(socket, `/v${api}/images/json`, { timeoutMs: askMs });
  const tags = (JSON.parse(body) as { RepoTags?: string[] | null }[]).flatMap(({ RepoTags }) => RepoTags ?? []);
  const versions = tags.flatMap((tag) => versionIn(tag) ?? []);
  return versions.sort((one, other) => Number(other.split('.')[1]) - Number(one.split('.')[1]))[0] ?? null;
}
