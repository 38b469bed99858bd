// Procfile: `name: command` a line. A line that is neither that, blank nor a comment is refused, with its number.

import { processTypePattern } from '../../domain/plan.ts';
import { badConfig, checkedText, showValue } from './problems.ts';

export type ProcfileLine = { name: string; command: string; line: number };

/** The lines in their order; `release` is among them. Throws `bad-config` with all problems. */
export function readProcfile(text: string, file = 'Procfile'): readonly ProcfileLine[] {
  const lines: ProcfileLine[] = [];
  const problems: string[] = [];
  for (const [index, raw] of checkedText(file, text)
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([^\s:]+)\s*:(.*)$/.exec(line);
    const number = index + 1;
    if (match === null || !processTypePattern.test(match[1]!)) {
      problems.push(`line ${number}: ${showValue(line)} is not of the form "name: command"`);
      continue;
    }
    const name = match[1]!;
    const command = match[2]!.trim();
    const earlier = lines.find((other) => other.name === name);
    if (command === '') problems.push(`line ${number}: "${name}" has no command`);
    else if (earlier) problems.push(`line ${number}: "${name}" is already on line ${earlier.line}`);
    else lines.push({ name, command, line: number });
  }
  if (problems.length > 0)
    throw badConfig(file, problems, 'Write one process a line, for example: web: gunicorn app:app');
  return lines;
}
