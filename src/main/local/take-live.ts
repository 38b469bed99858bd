// The very image that is live, brought to a developer's engine: it is there already, or its registry gives it, or the server does. Whichever way
// it comes, its id says that it is the one.

import { engineLines } from '../../agent/engine/stream.ts';
import { imageDetails } from '../../agent/images/image-exports.ts';
import { fail, isFailure } from '../../domain/errors.ts';
import type { AppId } from '../../domain/ids.ts';
import type { LiveImage } from '../../domain/live.ts';
import { type BuildInputs, pullHere } from './image.ts';
import type { LocalPlace } from './place.ts';

export type LiveSource = {
  /** From the server, as an archive. */
  fetch(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  loginOf: BuildInputs['loginOf'];
};

const loadMs = 15 * 60_000;
const mostBytes = 10 * 1024 ** 3;

/** @throws what the server says; install-failed when the engine does not take it */
export async function takeLive(
  place: LocalPlace,
  app: AppId,
  image: LiveImage,
  source: LiveSource,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<'there' | 'pulled' | 'fetched'> {
  const isThere = async () => (await imageDetails(place.engine, image.id, '')) !== null;
  if (await isThere()) return 'there';
  if (image.pulled !== null && (await pulls(place, app, { ...image, pulled: image.pulled }, source, say, signal)))
    if (await isThere()) return 'pulled';
  const limit = AbortSignal.any([signal, AbortSignal.timeout(loadMs)]);
  await load(place, counted(await source.fetch(limit), say), limit);
  if (!(await isThere()))
    throw fail('install-failed', `the engine took the image that is live under another id than ${image.id}`, {
      advice: 'Run what is live where the engine keeps images by their configuration (Docker’s usual store).',
    });
  return 'fetched';
}

/** False: the registry is not for us, or away. The server has it all the same. */
async function pulls(
  place: LocalPlace,
  app: AppId,
  image: LiveImage & { pulled: string },
  source: LiveSource,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await pullHere(place, app, image.pulled, { command: { argv: [] } }, source, say, signal);
    return true;
  } catch (error) {
    if (!isFailure(error, 'pull-refused', 'registry-away')) throw error;
    say(`${error.message}; the server gives it`);
    return false;
  }
}

/** @throws too-large; says how much has come, every 64 MB */
async function* counted(bytes: AsyncIterable<Uint8Array>, say: (line: string) => void): AsyncGenerator<Buffer> {
  let [sum, told] = [0, 0];
  for await (const chunk of bytes) {
    sum += chunk.length;
    if (sum > mostBytes) throw fail('too-large', `the image is larger than ${mostBytes} bytes`);
    if (sum - told >= 64 * 1024 ** 2) {
      told = sum;
      say(`  ${Math.round(sum / 1024 ** 2)} MB`);
    }
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

async function load({ socket, facts }: LocalPlace, body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  const path = `/v${facts.api}/images/load?quiet=1`;
  for await (const line of engineLines({ socketPath: socket, path, method: 'POST', body, signal })) {
    const { error } = JSON.parse(line) as { error?: unknown };
    if (typeof error === 'string') throw fail('install-failed', `the engine did not take the image: ${error}`);
  }
}
