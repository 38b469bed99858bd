// Why the engine did not start a container, for the person whose image it is.
import { fail, type LockstepError } from '../../../domain/errors.ts';
import { printable } from '../../../domain/names.ts';
import type { EngineRefusal } from '../../engine/stream.ts';

const rules: readonly [RegExp, (argv: readonly string[]) => { message: string; advice: string }][] = [
  [
    /no command specified/i,
    () => ({ message: 'The image has no command of its own.', advice: 'Give it a CMD, or the app a Procfile.' }),
  ],
  [
    /executable file not found|no such file or directory/i,
    ([program]) => ({
      message: `The command was not found in the image${program === undefined ? '' : `: ${program}`}.`,
      advice:
        'Correct CMD or ENTRYPOINT of the Dockerfile, or the Procfile. A script whose interpreter is missing says the same.',
    }),
  ],
  [
    /permission denied/i,
    ([program]) => ({
      message: `The command may not be executed in the image${program === undefined ? '' : `: ${program}`}.`,
      advice: 'Make it executable (RUN chmod +x), or start it by its interpreter.',
    }),
  ],
  [
    /exec format error/i,
    () => ({
      message: 'The command is no program of this kind of machine.',
      advice: 'Build the image for this architecture; a script needs a first line with its interpreter (#!/bin/sh).',
    }),
  ],
  [
    /unable to find user|no matching entries in passwd/i,
    () => ({ message: 'The user that the image names is not in it.', advice: 'Add it in the Dockerfile before USER.' }),
  ],
];

export function startRefused(error: EngineRefusal, argv: readonly string[]): LockstepError {
  const rule = rules.find(([pattern]) => pattern.test(error.message));
  const said = rule?.[1](argv) ?? {
    message: `The container engine did not start it: ${printable(error.message).slice(0, 500)}`,
    advice: 'What it says is what is known; lockstep doctor looks at the engine.',
  };
  return fail('bad-config', said.message, { advice: said.advice, cause: error });
}
