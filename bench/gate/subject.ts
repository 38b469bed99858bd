// The app of the bench: the Flask example with mypy configured, so that style, types, tests, coverage, docstrings and docs all
// run; and the ways in which a line of it is changed.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, root, type Stage } from '../../test/support/stage.ts';

export const app = 'whole';
/** Of the checks, those that must have run for a push to count. */
export const checkNames = ['style', 'types', 'tests', 'coverage', 'docstrings', 'docs'] as const;
const example = join(root, 'examples', 'flask-guestbook');

export async function makeWhole(stage: Stage, name = app): Promise<string> {
  const work = await stage.makeApp(name, example);
  stage.write(work, { 'mypy.ini': '[mypy]\nfiles = guestbook\n' });
  await stage.commit(work, 'types');
  return work;
}

/** One line of code in a function, and where it is seen. `isBuilt`: API pages show it, so they are built again. */
export type Edit = { file: string; path: string; seen: string; isBuilt: boolean; text: string };

/** Of a body: nobody sees it on the API pages. */
export function bodyEdit(work: string): Edit {
  const seen = `<!-- ${randomBytes(6).toString('hex')} -->`;
  const line = `    return render_template("about.html") + "${seen}"`;
  const text = swap(work, 'guestbook/pages.py', /^ {4}return render_template\("about\.html"\).*$/m, line);
  return { file: 'guestbook/pages.py', path: '/about', seen, isBuilt: false, text };
}

/** Of a constant: the API pages show its value. */
export function constantEdit(work: string): Edit {
  const seen = `Guestbook ${randomBytes(6).toString('hex')}`;
  const text = swap(work, 'guestbook/config.py', /^HEADLINE = .*$/m, `HEADLINE = "${seen}"`);
  return { file: 'guestbook/config.py', path: '/', seen, isBuilt: true, text };
}

function swap(work: string, file: string, line: RegExp, text: string): string {
  const before = readFileSync(join(work, file), 'utf8');
  if (!line.test(before)) throw new Error(`${file} has no line like ${line}`);
  return before.replace(line, () => text);
}

/** The change that was proposed last, with its moments and its verdict. */
export async function detail(stage: Stage, name: string): Promise<Json> {
  const { id } = await stage.lastChange(name);
  return (await stage.api(`/apps/${name}/changes/${id}`)).body;
}
