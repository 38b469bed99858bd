// Reads what mypy prints with our flags: `path:line: error: message  [rule]`, with columns when the app asks for them, and
// without a line when it is about a file as a whole. Notes belong to the error before and are not findings.
import { type Finding, findingLimit } from '../../domain/gate.ts';
import type { Findings } from './text.ts';
import { treePath } from './tree-path.ts';

const maxLine = 4096;
const printed = /^([^\0:]{1,1024})((?::\d{1,9}){0,4}): error: (.*)$/;
const ruled = /^(.*?) {2}\[([a-z0-9-]{1,100})\]$/;

/** All errors of the text; the list is cut at `limit`, `count` is not. */
export function parseMypy(text: string, limit = findingLimit): Findings {
  const found: Findings = { findings: [], count: 0 };
  for (const line of text.split('\n')) {
    const match = line.length > maxLine ? null : printed.exec(line.trimEnd());
    const file = match && treePath(match[1]!);
    if (!match || !file) continue;
    found.count += 1;
    if (found.findings.length >= limit) continue;
    const place = match[2]!.split(':')[1];
    const [, message, rule] = ruled.exec(match[3]!) ?? [null, match[3]!, 'error'];
    found.findings.push({ file, line: Number(place) || null, rule: rule!, message: message! } satisfies Finding);
  }
  return found;
}
