// Reads the lines `path:line:column: CODE message` that pycodestyle and flake8 print (with our own --format; an app's own
// format may print no position). Lines of any other form are not findings: the tools' warnings are between them.
import { type Finding, findingLimit } from '../../domain/gate.ts';
import { treePath } from './tree-path.ts';

export type Findings = { findings: Finding[]; count: number };

const maxLine = 4096;

/** All findings of the text; the list is cut at `limit`, `count` is not. */
export function parseTextFindings(text: string, limit = findingLimit): Findings {
  const found: Findings = { findings: [], count: 0 };
  for (const line of text.split('\n')) {
    if (line.length > maxLine) continue;
    const match = /^([^\0:]{1,1024}):(\d{1,9}):(\d{1,9}): ([A-Z]{1,4}\d{1,5}) (.*)$/.exec(line.trimEnd());
    const file = match && treePath(match[1]!);
    if (!match || !file) continue;
    found.count += 1;
    if (found.findings.length < limit) {
      found.findings.push({ file, line: Number(match[2]) || null, rule: match[4]!, message: match[5]! });
    }
  }
  return found;
}
