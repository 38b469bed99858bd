// What is deployed: the example's front page with a headline (one line of Python) and a lead (one line of a template) that
// nobody has seen before, so its tree is new to everyone.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '../../scripts/demo/timeline.ts';

export const pythonFile = 'guestbook/config.py';
const templateFile = 'guestbook/templates/index.html';

export function freshPage(): Page {
  return { headline: `Guestbook ${randomBytes(6).toString('hex')}`, lead: `Say ${randomBytes(6).toString('hex')}.` };
}

/** The two files of `work` as they are with this page; the change is one line in each. */
export function filesOf(work: string, { headline, lead }: Page): Record<string, string> {
  return {
    [pythonFile]: swap(join(work, pythonFile), /^HEADLINE = .*$/m, `HEADLINE = "${headline}"`),
    [templateFile]: swap(join(work, templateFile), /<p class="lead">.*<\/p>/, `<p class="lead">${lead}</p>`),
  };
}

/** The Python file with one style finding on a line that is new. */
export function findingIn(work: string): Record<string, string> {
  const { headline } = freshPage();
  return { [pythonFile]: swap(join(work, pythonFile), /^HEADLINE = .*$/m, `HEADLINE="${headline}"`) };
}

/** The list of what is required as another text that asks for the same: its layer is new to everyone. */
export function newLayerIn(work: string): Record<string, string> {
  const file = 'requirements.txt';
  const asked = readFileSync(join(work, file), 'utf8').replace(/^# layer .*\n/, '');
  return { [file]: `# layer ${randomBytes(6).toString('hex')}\n${asked}` };
}

function swap(file: string, line: RegExp, text: string): string {
  const before = readFileSync(file, 'utf8');
  if (!line.test(before)) throw new Error(`${file} has no line like ${line}`);
  return before.replace(line, () => text);
}
