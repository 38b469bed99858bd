// How our modules find one another, for each process that starts: control has 690 modules, and to Node each name of a neighbour
// is a question to the disk (is it a file, is it a link, what kind of package is it in). A relative name with its ending says all of
// that itself: it is taken as it stands. Saves 45 of the 370 ms of processor time of control's start, and as much of the agent's.
// Fifty of the modules are zod's messages in other languages, which nobody here asks for: of them there is English alone (20 ms more, twice).
// Everything else (packages by name, CommonJS, what is asked for with attributes) goes Node's own way. A file that is not there
// is missed when it is read, and not before.
import { registerHooks } from 'node:module';

/** By the ending of both: a module whose package is of modules has neighbours of the same kind. */
const formats = { '.ts': 'module-typescript', '.js': 'module' };

const allLanguages = /\/node_modules\/zod\/v4\/locales\/index\.js$/;

/** null: for Node to find. */
export function quickly(specifier, parentUrl, conditions) {
  if (!specifier.startsWith('./') && !specifier.startsWith('../')) return null;
  if (parentUrl === undefined || !parentUrl.startsWith('file:') || !conditions.includes('import')) return null;
  const ending = specifier.slice(-3);
  if (!(ending in formats) || !parentUrl.endsWith(ending)) return null;
  const { href } = new URL(specifier, parentUrl);
  const url = allLanguages.test(href) ? new URL('en.js', href).href : href;
  return { url, format: formats[ending], shortCircuit: true };
}

registerHooks?.({
  resolve(specifier, context, next) {
    const hasAttributes = Object.keys(context.importAttributes ?? {}).length > 0;
    const found = hasAttributes ? null : quickly(specifier, context.parentURL, context.conditions);
    return found ?? next(specifier, context);
  },
});
