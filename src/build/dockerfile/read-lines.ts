// A Dockerfile taken apart into instructions, as BuildKit does: parser directives, continued lines, comments between them, here-documents.
// Strict: an instruction that BuildKit does not know is refused with its line, so that nothing is overlooked that would run.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';

export type Instruction = {
  /** Upper case. */
  name: string;
  /** What follows it on its logical line; here-documents are left out. */
  text: string;
  /** Bodies of its here-documents. */
  documents: readonly string[];
  /** Of its first line, from 1. */
  line: number;
};

const mostBytes = 256 * 1024;
const mostInstructions = 2000;
const known = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

/** @throws bad-config, too-large */
export function readInstructions(given: string): {
  instructions: Instruction[];
  syntax: { line: number; value: string } | null;
} {
  if (Buffer.byteLength(given) > mostBytes)
    throw fail('too-large', `the Dockerfile has more than ${mostBytes} bytes`, {
      advice: 'Put what is long into files.',
    });
  const text = given.replace(/^\uFEFF/, '');
  if (text.includes('\0')) throw refused(1, 'it is not text');
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const { mark, syntax } = directives(lines);
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const first = at;
    if (isNothing(lines[at]!)) {
      at += 1;
      continue;
    }
    let whole = '';
    for (; at < lines.length; at += 1) {
      const line = lines[at]!;
      // A comment or an empty line within a continued one is skipped.
      if (whole !== '' && isNothing(line)) continue;
      const [, kept, isContinued] = continued(line, mark);
      whole += kept;
      if (!isContinued) break;
    }
    at += 1;
    const [, name = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*)$/.exec(whole) ?? [];
    if (!known.has(name.toUpperCase())) throw refused(first + 1, `there is no instruction ${printable(name)}`);
    const documents: string[] = [];
    for (const { end, isIndented } of /^(?:RUN|COPY|ADD)$/i.test(name) ? hereDocuments(rest) : []) {
      const body: string[] = [];
      for (; at < lines.length && (isIndented ? lines[at]!.replace(/^\t+/, '') : lines[at]!) !== end; at += 1)
        body.push(lines[at]!);
      if (at >= lines.length) throw refused(first + 1, `the here-document ${printable(end)} has no end`);
      at += 1;
      documents.push(body.join('\n'));
    }
    instructions.push({ name: name.toUpperCase(), text: rest.trim(), documents, line: first + 1 });
    if (instructions.length > mostInstructions)
      throw refused(first + 1, `it has more than ${mostInstructions} instructions`);
  }
  return { instructions, syntax };
}

export const refused = (line: number, why: string, advice = 'Mend the Dockerfile and push again.') =>
  fail('bad-config', `Dockerfile, line ${line}: ${why}`, { advice });

const isNothing = (line: string): boolean => /^\s*(?:#|$)/.test(line);

function continued(line: string, mark: string): [string, string, boolean] {
  const end = line.trimEnd();
  return end.endsWith(mark) ? [line, end.slice(0, -1), true] : [line, line, false];
}

/** Of the comments before the first instruction: newer builders heed directives in some places where older ones do not. */
function directives(lines: readonly string[]): { mark: string; syntax: { line: number; value: string } | null } {
  let mark = '\\';
  let syntax: { line: number; value: string } | null = null;
  for (const [at, line] of lines.entries()) {
    if (!isNothing(line)) break;
    const [, key, value = ''] = /^\s*#\s*([a-z]+)\s*=\s*(.*?)\s*$/i.exec(line) ?? [];
    if (key?.toLowerCase() === 'syntax') syntax ??= { line: at + 1, value };
    if (key?.toLowerCase() === 'escape' && (value === '`' || value === '\\')) mark = value;
  }
  return { mark, syntax };
}

function hereDocuments(text: string): { end: string; isIndented: boolean }[] {
  const found = text.matchAll(/(?:^|\s)\d*<<(-?)(["']?)([A-Za-z_]\w*)\2(?=\s|$|[;&|>)])/g);
  return [...found].slice(0, 20).map(([, dash, , end]) => ({ end: end!, isIndented: dash === '-' }));
}
