// The program's own version, from the package file beside `src` or `dist`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const programRoot = join(import.meta.dirname, '..', '..');
export const programVersion = (
  JSON.parse(readFileSync(join(programRoot, 'package.json'), 'utf8')) as { version: string }
).version;
