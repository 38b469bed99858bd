// `.dockerignore`: which files of a tree a build does not get, as Docker reads it. Patterns are matched by stepping through them, all at once,
// and not by regular expressions: a repository brings its own patterns, and must not be able to choose slow ones.
import { posix } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';

/** True for what the build does not get. @throws too-large when there is more to compare than is worth it */
export type Ignores = (path: string) => boolean;

type Token =
  | { kind: 'char'; char: string }
  | { kind: 'one' }
  /** Any characters but a slash. */
  | { kind: 'star' }
  /** `**` at the end: anything. */
  | { kind: 'any' }
  /** `**` before more: nothing, or anything up to a slash. */
  | { kind: 'folders' }
  | { kind: 'class'; isNegated: boolean; ranges: readonly (readonly [string, string])[] };

type Pattern = { tokens: readonly Token[]; prefix: string; isException: boolean };

const mostPatterns = 1000;
const mostPatternChars = 1000;
const mostSteps = 100_000_000;

/** @throws bad-config, too-large */
export function readIgnore(text: string): Ignores {
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, at) => patternOf(line, at + 1));
  if (patterns.length > mostPatterns)
    throw fail('too-large', `.dockerignore has more than ${mostPatterns} patterns`, {
      advice: 'Ignore whole folders.',
    });
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps > mostSteps)
      throw fail('too-large', '.dockerignore has too many patterns for so many files', {
        advice: 'Ignore whole folders.',
      });
  };
  // A folder's answers are those of all that is in it.
  const folders = new Map<string, readonly boolean[]>();
  const matchesOf = (path: string): readonly boolean[] => {
    const slash = path.lastIndexOf('/');
    const above = slash < 0 ? null : (folders.get(path.slice(0, slash)) ?? remember(path.slice(0, slash)));
    return patterns.map((one, index) => above?.[index] === true || matches(one, path, step));
  };
  const remember = (folder: string): readonly boolean[] => {
    const found = matchesOf(folder);
    folders.set(folder, found);
    return found;
  };
  return (path) => {
    if (patterns.length === 0) return false;
    let isIgnored = false;
    for (const [index, isMatch] of matchesOf(path).entries()) if (isMatch) isIgnored = !patterns[index]!.isException;
    return isIgnored;
  };
}

function patternOf(line: string, number: number): Pattern[] {
  if (line.startsWith('#')) return [];
  const trimmed = line.trim();
  const isException = trimmed.startsWith('!');
  const words = (isException ? trimmed.slice(1) : trimmed).trim();
  if (words === '') {
    if (isException) throw bad(number, '"!" without a pattern');
    return [];
  }
  const clean = posix.normalize(words).replace(/(.)\/+$/, '$1');
  const pattern = clean.length > 1 ? clean.replace(/^\//, '') : clean;
  if (pattern.length > mostPatternChars) throw bad(number, `a pattern of more than ${mostPatternChars} characters`);
  const tokens = tokensOf(pattern, number);
  const isPlain = tokens.findIndex(({ kind }) => kind !== 'char');
  const plain = (isPlain < 0 ? tokens : tokens.slice(0, isPlain)).map((one) => (one as { char: string }).char);
  return [{ tokens, prefix: plain.join(''), isException }];
}

const bad = (line: number, what: string) =>
  fail('bad-config', `.dockerignore, line ${line}: ${printable(what)}`, { advice: 'Mend the pattern and push again.' });

function tokensOf(pattern: string, line: number): Token[] {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    if (char === '*' && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      tokens.push({ kind: at + 1 >= chars.length ? 'any' : 'folders' });
    } else if (char === '*') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'one' });
    else if (char === '[') {
      const [token, end] = classOf(chars, at, line);
      tokens.push(token);
      at = end;
    } else if (char === '\\') {
      at += 1;
      if (at >= chars.length) throw bad(line, 'a pattern ends with \\');
      tokens.push({ kind: 'char', char: chars[at]! });
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

function classOf(chars: readonly string[], from: number, line: number): [Token, number] {
  const isNegated = chars[from + 1] === '^';
  const ranges: [string, string][] = [];
  let at = from + (isNegated ? 2 : 1);
  const next = (): string => {
    if (chars[at] === '\\') at += 1;
    const char = chars[at];
    if (char === undefined) throw bad(line, 'a [ without its ]');
    at += 1;
    return char;
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = next();
    const isRange = chars[at] === '-' && chars[at + 1] !== ']';
    if (isRange) at += 1;
    const high = isRange ? next() : low;
    if (high < low) throw bad(line, `the range ${low}-${high} has no characters`);
    ranges.push([low, high]);
  }
  return [{ kind: 'class', isNegated, ranges }, at];
}

/** All ways through the pattern at once: work is characters times tokens at most. */
function matches({ tokens, prefix }: Pattern, path: string, step: () => void): boolean {
  step();
  if (!path.startsWith(prefix)) return false;
  if (prefix.length > 0 && [...prefix].length === tokens.length) return path.length === prefix.length;
  // Twice the tokens: `2 i` before token i, `2 i + 1` within a `folders` that has begun.
  let now = closed(new Set([[...prefix].length * 2]), tokens);
  for (const char of path.slice(prefix.length)) {
    const after = new Set<number>();
    for (const state of now) {
      step();
      const index = state >> 1;
      const token = tokens[index];
      if (token === undefined) continue;
      if (token.kind === 'folders') {
        after.add(index * 2 + 1);
        if (char === '/') after.add(index * 2 + 2);
      } else if (token.kind === 'any') after.add(state);
      else if (token.kind === 'star') {
        if (char !== '/') after.add(state);
      } else if (accepts(token, char)) after.add(index * 2 + 2);
    }
    if (after.size === 0) return false;
    now = closed(after, tokens);
  }
  return now.has(tokens.length * 2);
}

/** With what may be passed over. */
function closed(states: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const state of states) {
    const kind = tokens[state >> 1]?.kind;
    if (state % 2 === 0 && (kind === 'star' || kind === 'any' || kind === 'folders')) states.add(state + 2);
  }
  return states;
}

function accepts(token: Extract<Token, { kind: 'char' | 'one' | 'class' }>, char: string): boolean {
  if (token.kind === 'char') return token.char === char;
  if (token.kind === 'one') return char !== '/';
  return token.ranges.some(([low, high]) => low <= char && char <= high) !== token.isNegated;
}
