// Writes docs/api/openapi.json from the routes: `node scripts/bootstrap.js scripts/openapi.ts`. A test says when it is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openApiDocument } from '../src/api/openapi.ts';
import { routes } from '../src/api/routes.ts';

const root = dirname(import.meta.dirname);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const file = join(root, 'docs', 'api', 'openapi.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(openApiDocument(routes, version), null, 2)}\n`);
