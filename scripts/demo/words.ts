// What a demo is asked for on the command line.
import { parseArgs } from 'node:util';

export type Words = {
  /** It leaves by itself, and tells its figures. */
  isCheck: boolean;
  /** On the standard output there is nothing but them. */
  isAlone: boolean;
  runtime: 'process' | 'docker';
};

/** @throws an Error for what is none of them */
export function readWords(given: readonly string[]): Words {
  const { values } = parseArgs({
    args: [...given],
    options: {
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      runtime: { type: 'string', default: 'process' },
    },
  });
  const { check, json, runtime } = values;
  if (runtime !== 'process' && runtime !== 'docker') throw new Error(`--runtime ${runtime}: it is process or docker`);
  return { isCheck: check || json, isAlone: json, runtime };
}
