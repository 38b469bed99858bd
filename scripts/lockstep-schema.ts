// Writes docs/lockstep.schema.json from the shapes that read lockstep.yml: node scripts/bootstrap.js scripts/lockstep-schema.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockstepSchemaText } from '../src/config/lockstep-schema.ts';

writeFileSync(join(import.meta.dirname, '..', 'docs', 'lockstep.schema.json'), lockstepSchemaText());
