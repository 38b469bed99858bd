// `npm run engine`: an engine for tests in the foreground, until Ctrl-C; with its socket in LOCKSTEP_TEST_ENGINE any number of test runs share
// it. The base images are in it already.
import { type BaseImage, giveBaseImage } from './engine/base-images.ts';
import { ensureInstalled } from './engine/install.ts';
import { OwnEngine } from './engine/own-engine.ts';

const asked = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
ensureInstalled();
await using engine = await OwnEngine.start();
const wanted: readonly BaseImage[] = ['debian', 'python', 'node'];
for (const image of wanted) process.stdout.write(`${await giveBaseImage(engine.socket, image)}\n`);
process.stdout.write(`LOCKSTEP_TEST_ENGINE=${engine.socket}\n`);
const stay = setInterval(() => {}, 60_000);
await asked;
clearInterval(stay);
