// The container engine that a bench measures on: one that it starts as the tests do and ends with everything in it, or the one that
// `npm run engine` keeps, named in LOCKSTEP_TEST_ENGINE. Never the machine's own.
import { type BaseImage, giveBaseImage } from '../../scripts/engine/base-images.ts';
import { ensureInstalled } from '../../scripts/engine/install.ts';
import { OwnEngine, ownSocket } from '../../scripts/engine/own-engine.ts';
import { askEngine, pings } from '../../src/agent/engine/ask.ts';
import { insistOn } from './programs.ts';
import { say } from './report.ts';

const askMs = 120_000;

export type BenchEngine = {
  socket: string;
  /** As it names itself. */
  version: string;
  /** Makes a base image known to it; its tag. */
  base(image: BaseImage): Promise<string>;
};

/** What `ensureInstalled` puts there, without an engine of the machine's own being started. */
const programs = {
  dockerd: 'docker.io',
  docker: 'docker.io',
  iptables: 'iptables',
  'docker-registry': 'docker-registry',
};

/** What it starts is put on `open`. @throws an Error that says who is in the way, or what is to be installed */
export async function openEngine(open: AsyncDisposableStack, mayInstall: boolean): Promise<BenchEngine> {
  const isKept = process.env.LOCKSTEP_TEST_ENGINE === ownSocket && (await pings(ownSocket));
  if (mayInstall) ensureInstalled();
  insistOn(programs, false);
  const socket = isKept ? ownSocket : open.use(await OwnEngine.start()).socket;
  say(`an engine at ${socket}`);
  const { Version, ApiVersion } = JSON.parse(await engineSays(socket, 'GET', '/version'));
  return {
    socket,
    version: `Docker ${Version} (API ${ApiVersion})`,
    base: (image) => giveBaseImage(socket, image),
  };
}

/** An answer of the engine, whole. @throws its words when it refuses */
export async function engineSays(
  socket: string,
  method: string,
  path: string,
  given: Pick<Parameters<typeof askEngine>[2], 'json' | 'body'> = {},
): Promise<string> {
  const { status, body } = await askEngine(socket, path, { method, timeoutMs: askMs, ...given });
  if (status >= 400) throw new Error(`the engine answered ${method} ${path} with ${status}: ${body.slice(-500)}`);
  return body;
}

/** Of an engine that stays, no image is left by a name of the bench's. */
export async function forgetImage(socket: string, tag: string): Promise<void> {
  await engineSays(socket, 'DELETE', `/v1.41/images/${tag}?force=1`).catch(() => {});
}
