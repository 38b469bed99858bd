// The words of single instructions: variables, ports, and how a container starts.
import type { Instruction } from './read-lines.ts';

export type Start = { form: 'exec'; argv: readonly string[] } | { form: 'shell'; line: string };

/** More of one instruction is not looked at. */
const mostRead = 50_000;
/** Of a text with its variables: each could hold the ones before it many times over. */
const mostFilled = 10_000;

/** `NAME=value`, `NAME="a value" OTHER=…`, and ENV's older `NAME value`. */
export function pairsOf({ name, text }: Pick<Instruction, 'name' | 'text'>): [string, string][] {
  if (name === 'ENV' && !/^[A-Za-z_]\w*=/.test(text)) {
    const [, key, value = ''] = /^([A-Za-z_]\w*)\s+([\s\S]*)$/.exec(text) ?? [];
    return key === undefined ? [] : [[key, value]];
  }
  const found = text
    .slice(0, mostRead)
    .matchAll(/(?:^|\s)([A-Za-z_]\w*)(?:=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*))?(?=\s|$)/g);
  return [...found].slice(0, 200).map(([, key, value = '']) => [key!, value.replace(/^(["'])([\s\S]*)\1$/, '$2')]);
}

/** Variables that have a value are replaced; what is still a variable stays as it is. */
export function filled(text: string, values: ReadonlyMap<string, string>): string {
  let left = mostFilled;
  const found = text
    .slice(0, mostFilled)
    .replace(/\$(?:\{([A-Za-z_]\w*)(?::?[-+]([^{}]*))?\}|([A-Za-z_]\w*))/g, (whole, braced, other, plain) => {
      const value = values.get(braced ?? plain);
      const put = (value === undefined || value === '' ? (other ?? whole) : value).slice(0, left);
      left -= put.length;
      return put;
    });
  return found.slice(0, mostFilled);
}

/** What ARG declares; `given` goes before the values that the file has. */
export const argsOf = (one: Instruction, given: Readonly<Record<string, string>>): [string, string][] =>
  pairsOf(one).map(([name, value]) => [name, Object.hasOwn(given, name) ? given[name]! : value]);

/** Ports of TCP that EXPOSE names. */
export function portsOf(text: string): number[] {
  return text.split(/\s+/).flatMap((word) => {
    const [, from, to, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(word) ?? [];
    if (from === undefined || protocol.toLowerCase() !== 'tcp') return [];
    const [first, last] = [Number(from), Number(to ?? from)];
    if (first < 1 || last > 65_535 || last < first || last - first >= 100) return [];
    return Array.from({ length: last - first + 1 }, (_, step) => first + step);
  });
}

/** As the builder reads it: what is no array of texts is a line for the shell. */
export function startOf({ text }: Pick<Instruction, 'text'>): Start | null {
  if (text === '' || text === '[]') return null;
  try {
    const argv: unknown = JSON.parse(text);
    if (Array.isArray(argv) && argv.every((word) => typeof word === 'string')) return { form: 'exec', argv };
  } catch {
    // It is a line.
  }
  return { form: 'shell', line: text };
}
