// Writes docs/cli.md from the command table: `node scripts/bootstrap.js scripts/cli-docs.ts`.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliDocs } from '../src/cli/cli-docs.ts';

writeFileSync(join(dirname(import.meta.dirname), 'docs', 'cli.md'), cliDocs());
