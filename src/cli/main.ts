// The command line's entry. Commands are added as their verbs land; what is not there is refused by name.
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';

const asked = process.argv[2] ?? 'help';
const error = fail('not-found', `there is no command "${printable(asked)}" in this version`, {
  advice: 'The platform is being built in the open; docs/ARCHITECTURE.md says which rooms stand.',
});
process.stderr.write(` !     ${error.message}\n       ${error.advice}\n`);
process.exitCode = 64;
