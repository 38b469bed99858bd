// The engine that tests use, when there is one: the suite's own (`LOCKSTEP_TEST_ENGINE=install npm test` starts it, `npm run engine`
// keeps one for many runs), or the machine's. On the machine's a test touches only what bears its own label, and makes no base image.
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type BaseImage, giveBaseImage } from '../../scripts/engine/base-images.ts';
import { ownSocket } from '../../scripts/engine/own-engine.ts';
import { pings } from '../../src/agent/engine/ask.ts';

const named = process.env.LOCKSTEP_TEST_ENGINE ?? '';
const usual = '/var/run/docker.sock';

/** null: there is none, and tests that need one are skipped. */
export const engineSocket: string | null = await (async () => {
  const socket = named.startsWith('/') ? named : existsSync(usual) ? usual : null;
  if (socket === null || (await pings(socket))) return socket;
  if (named.startsWith('/')) throw new Error(`no engine answers at ${named}, which LOCKSTEP_TEST_ENGINE names`);
  return null;
})();

/** It was started for tests: they may make base images in it, stop it, freeze it and kill it. */
export const isOwnEngine: boolean = engineSocket === ownSocket;

/** A test that needs an engine; `own`: one that the suite started. `timeoutMs`: for one that may take longer than others. */
export function engineTest(
  name: string,
  given: { own: boolean; timeoutMs?: number },
  body: (socket: string, context: TestContext) => Promise<void>,
): void {
  const lacks = engineSocket === null || (given.own && !isOwnEngine);
  const skip = lacks ? `no engine${given.own ? ' of its own' : ''}: LOCKSTEP_TEST_ENGINE=install npm test` : false;
  const timeout = given.timeoutMs === undefined ? {} : { timeout: given.timeoutMs };
  test(name, { skip, ...timeout }, (context) => body(engineSocket!, context));
}

const given = new Map<BaseImage, Promise<string>>();

/** The tag of a base image, which is in the suite's own engine then. */
export function baseImage(image: BaseImage): Promise<string> {
  if (!isOwnEngine) throw new Error('base images are made in an engine of the suite only');
  const making = given.get(image) ?? giveBaseImage(engineSocket!, image);
  given.set(image, making);
  return making;
}
