// `node scripts/bootstrap.js SCRIPT …` on any Node from 20 up: sets the checkout up when needed, then runs the
// script (TypeScript too) under the pinned Node.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, runUnder } from '../bin/setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...rest] = process.argv.slice(2);
try {
  await ensureInstalled(root);
  process.exitCode = await runUnder(root, [join(root, script), ...rest]);
} catch (error) {
  process.stderr.write(`lockstep: ${error.message}\n`);
  process.exitCode = 1;
}
