// requirements.txt, as far as a plan needs it: which packages are named, in which files (`-r` and `-c` followed within
// the tree). It does not resolve anything; uv does. What points outside the tree is refused.

import { posix } from 'node:path';
import { badConfig, checkedText, showValue } from './problems.ts';

export type Requirement = {
  /** Normalised as PyPI does: small letters, runs of -_. made one -. */
  name: string;
  extras: readonly string[];
  /** "==1.2", ">=1,<2", "@ https://…" or "" */
  specifier: string;
  marker: string | null;
  file: string;
  line: number;
};

export type Requirements = {
  requirements: readonly Requirement[];
  /** Every file read, the first one first, then in the order they were included. */
  files: readonly string[];
  /** Paths of the tree that are to be installed themselves (`.`, `-e .`, `./lib`). */
  local: readonly string[];
  /** The extras with which the tree itself is among them (`-e .[full]`); null: it is not. */
  own: readonly string[] | null;
};

const maxFiles = 50;

export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** One requirement of PEP 508, or null when it is not one. */
export function parseRequirement(text: string): Pick<Requirement, 'name' | 'extras' | 'specifier' | 'marker'> | null {
  const match = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$/s.exec(text.trim());
  if (match === null) return null;
  const rest = match[3]!;
  const isUrl = rest.startsWith('@');
  const at = isUrl ? rest.search(/\s;/) : rest.indexOf(';');
  const specifier = (at < 0 ? rest : rest.slice(0, at)).trim().replace(/^\((.*)\)$/, '$1');
  if (!isUrl && specifier !== '' && !/^(?:[<>=!~]=?|===)/.test(specifier)) return null;
  return {
    name: normalizeName(match[1]!),
    extras: (match[2] ?? '')
      .split(',')
      .map((extra) => normalizeName(extra.trim()))
      .filter((extra) => extra !== ''),
    specifier: specifier.replace(/\s+/g, isUrl ? ' ' : ''),
    marker: at < 0 ? null : rest.slice(at).replace(/^\s*;/, '').trim() || null,
  };
}

/** `read` gives the text of a file of the tree, or null when it is not there. */
export async function readRequirements(
  first: string,
  read: (path: string) => Promise<string | null>,
): Promise<Requirements> {
  const requirements: Requirement[] = [];
  const files: string[] = [];
  const local: string[] = [];
  let own: string[] | null = null;
  const problems: string[] = [];
  const queue: { path: string; from: string; isConstraint: boolean }[] = [
    { path: first, from: '', isConstraint: false },
  ];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { path, from, isConstraint } = next;
    if (files.includes(path)) continue;
    if (files.length >= maxFiles) {
      problems.push(`more than ${maxFiles} files include one another`);
      break;
    }
    const text = await read(path);
    if (text === null) {
      problems.push(`${from}includes ${path}, which is not in the repository`);
      continue;
    }
    files.push(path);
    for (const { content, line } of logicalLines(checkedText(path, text))) {
      const where = `${path} line ${line}`;
      const option = /^(-r|-c|-e|--requirement|--constraint|--editable)(?:\s*=\s*|\s+|(?<=^-[rce]))(.+)$/.exec(content);
      if (option === null && content.startsWith('-')) continue;
      const value = (option?.[2] ?? content).trim();
      if (option !== null && !/^(-e|--editable)$/.test(option[1]!)) {
        const target = posix.normalize(posix.join(posix.dirname(path), value));
        if (/^[a-z]+:/i.test(value))
          problems.push(`${where}: ${showValue(value)}: only files of the repository are included`);
        else if (value.startsWith('/') || target.startsWith('../'))
          problems.push(`${where}: ${showValue(value)} is outside the repository`);
        else
          queue.push({
            path: target,
            from: `${where} `,
            isConstraint: isConstraint || /^(-c|--constraint)$/.test(option[1]!),
          });
        continue;
      }
      const egg = /[#&]egg=([A-Za-z0-9._-]+)/.exec(value);
      if (egg)
        requirements.push({ name: normalizeName(egg[1]!), extras: [], specifier: '', marker: null, file: path, line });
      else if (/^(?:[a-z+]+:\/\/|file:)/i.test(value)) continue;
      else if (option !== null || /^\.{1,2}(?:$|[/[])/.test(value) || /^[\w.-]+\//.test(value)) {
        const target = posix.normalize(posix.join(posix.dirname(path), value.replace(/\[[^\]]*\]\s*$/, '')));
        if (value.startsWith('/') || target.startsWith('../'))
          problems.push(`${where}: ${showValue(value)} is outside the repository`);
        else local.push(target);
        if (/^\.\/?$/.test(target))
          own = [...(own ?? []), ...(/\[([^\]]*)\]\s*$/.exec(value)?.[1] ?? '').split(',').map((one) => one.trim())];
      } else {
        const parsed = parseRequirement(value.replace(/\s--(?:hash|config-settings|global-option)\b.*$/s, ''));
        if (parsed === null) problems.push(`${where}: ${showValue(value)} is not a requirement`);
        else if (!isConstraint) requirements.push({ ...parsed, file: path, line });
      }
    }
  }
  if (problems.length > 0) throw badConfig(first, problems);
  return { requirements, files, local, own: own?.filter((one) => one !== '') ?? null };
}

/** A requirements file without the lines that install a folder of the tree: an installer that sees only this file could not. */
export const withoutLocal = (text: string): string =>
  text.replaceAll(
    /^[ \t]*(?:(?:-e|--editable)[ \t=]*)?\.{1,2}(?:\/[^\s;#]*)?(?:\[[^\]\n]*\])?[ \t]*(?=[;#\r\n]|$)/gm,
    '# $&',
  );

function logicalLines(text: string): { content: string; line: number }[] {
  const lines: { content: string; line: number }[] = [];
  let pending = null as { content: string; line: number } | null;
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const isComment = /^\s*#/.test(raw);
    const continues = raw.endsWith('\\') && !isComment;
    const content = continues ? raw.slice(0, -1) : raw;
    pending = { content: (pending?.content ?? '') + content, line: pending?.line ?? index + 1 };
    if (!continues) {
      lines.push(pending);
      pending = null;
    }
  }
  if (pending !== null) lines.push(pending);
  return lines
    .map(({ content, line }) => ({ content: content.replace(/(^|\s)#.*$/, '').trim(), line }))
    .filter(({ content }) => content !== '');
}
