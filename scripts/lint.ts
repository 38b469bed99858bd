// The checks of ourselves besides the tests: Biome, then the rules of the house that are about absences.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const biome = spawnSync(
  join(root, 'node_modules', '.bin', 'biome'),
  ['check', '--error-on-warnings', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exit(biome.status ?? 1);
