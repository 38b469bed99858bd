// The JSON Schema of lockstep.yml, for editors: made from the shapes that read the file, so that what an editor offers is what
// a push accepts. Committed at docs/lockstep.schema.json, served by the API.
import { z } from 'zod';
import { lockstepYmlShape } from './readers/lockstep-yml.ts';

/** Written at the top of a lockstep.yml, it tells an editor's YAML support where the schema is. */
export const schemaPath = '/api/v1/lockstep.schema.json';

export function lockstepSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(lockstepYmlShape, { io: 'input', unrepresentable: 'any', target: 'draft-7' });
  return { ...schema, title: 'lockstep.yml' };
}

/** As the file that is committed. */
export function lockstepSchemaText(): string {
  return `${JSON.stringify(lockstepSchema(), null, 2)}\n`;
}
