// Which Node a tree asks for, and whether a version satisfies it: ranges as package.json's `engines` has them (npm's form:
// `||`, spaces, comparisons, `^`, `~`, `x`, `1 - 2`), `.nvmrc` and `.node-version` ("22", "v22.1.0", "lts/jod", "lts/*").
// A range that cannot be read is as good as none: engines are advice in npm, too.

type Version = readonly [number, number, number];
type Comparison = { sign: '<' | '<=' | '>' | '>='; version: Version };

/** The code names of the lines with long-term support; `lts/*` is the newest that is one now. */
const longTerm: Readonly<Record<string, number>> = {
  erbium: 12,
  fermium: 14,
  gallium: 16,
  hydrogen: 18,
  iron: 20,
  jod: 22,
  krypton: 24,
};

/** The first that says something: a file's first word, then `engines.node`. null: nothing is asked for. */
export function wantedNode(said: {
  nvmrc: string | null;
  nodeVersion: string | null;
  engines: string | null;
}): { spec: string; from: string } | null {
  const files = [
    ['.node-version', said.nodeVersion],
    ['.nvmrc', said.nvmrc],
  ] as const;
  for (const [from, text] of files) {
    const line = text
      ?.split('\n')
      .map((one) => one.replace(/#.*/, '').trim())
      .find((one) => one !== '');
    const spec = line === undefined ? null : aliased(line);
    if (spec !== null && parseRange(spec) !== null) return { spec, from };
  }
  if (said.engines === null || parseRange(said.engines) === null || said.engines.trim() === '*') return null;
  return { spec: said.engines.trim(), from: 'engines' };
}

/** nvm's names as ranges; null: any. */
function aliased(word: string): string | null {
  if (/^(?:node|stable|latest|current|system)$/i.test(word)) return null;
  if (/^(?:lts\/\*|lts)$/i.test(word)) return `${Math.max(...Object.values(longTerm))}`;
  const name = /^lts\/(\w+)$/i.exec(word)?.[1]?.toLowerCase();
  return name === undefined ? word : Object.hasOwn(longTerm, name) ? `${longTerm[name]}` : null;
}

/** False for a range that cannot be read. */
export function nodeSatisfies(version: string, range: string): boolean {
  const at = parsePartial(version);
  const sets = parseRange(range);
  if (at === null || sets === null) return false;
  const full = filled(at);
  return sets.some((set) => set.every(({ sign, version: other }) => holds(compare(full, other), sign)));
}

/** Any of the sets, all of a set; null for what is no range. */
export function parseRange(range: string): Comparison[][] | null {
  if (range.length > 256) return null;
  const sets: Comparison[][] = [];
  for (const part of range.split('||')) {
    const text = part
      .trim()
      .replace(/(\S+)\s+-\s+(\S+)/g, (_, low: string, high: string) => `>=${low} <=${high}`)
      .replace(/(\^|~>?|[<>]=?|=)\s+/g, '$1');
    const set: Comparison[] = [];
    for (const word of text.split(/[\s,]+/).filter((one) => one !== '')) {
      const comparisons = parseWord(word);
      if (comparisons === null) return null;
      set.push(...comparisons);
    }
    sets.push(set);
  }
  return sets;
}

function parseWord(word: string): Comparison[] | null {
  const match = /^(\^|~>?|[<>]=?|=)?(.+)$/.exec(word);
  const parts = match === null ? null : parsePartial(match[2]!);
  if (match === null || parts === null) return null;
  const sign = match[1] ?? '';
  const low = filled(parts);
  if (parts.length === 0) return /^[<>]$/.test(sign) ? [{ sign: '<', version: [0, 0, 0] }] : [];
  // The first version after everything that the partial one stands for.
  const after = next(parts, parts.length - 1);
  if (sign === '>') return [parts.length === 3 ? { sign: '>', version: low } : { sign: '>=', version: after }];
  if (sign === '>=') return [{ sign: '>=', version: low }];
  if (sign === '<') return [{ sign: '<', version: low }];
  if (sign === '<=') return [parts.length === 3 ? { sign: '<=', version: low } : { sign: '<', version: after }];
  const most =
    sign === '^'
      ? next(parts, leading(parts))
      : sign.startsWith('~')
        ? next(parts, Math.min(1, parts.length - 1))
        : after;
  return [
    { sign: '>=', version: low },
    { sign: '<', version: most },
  ];
}

/** "v22.x" -> [22]; null for what is no version. Suffixes of pre-releases and builds are left out. */
function parsePartial(text: string): number[] | null {
  const match = /^v?(\d{1,6}|[xX*])(?:\.(\d{1,6}|[xX*]))?(?:\.(\d{1,6}|[xX*]))?(?:[-+][\w.+-]*)?$/.exec(text);
  if (match === null) return null;
  const parts: number[] = [];
  for (const part of match.slice(1)) {
    if (part === undefined || /[xX*]/.test(part)) break;
    parts.push(Number(part));
  }
  return parts;
}

/** What `^` holds fast: the first part that is not 0. */
function leading(parts: readonly number[]): number {
  const at = parts.findIndex((part) => part !== 0);
  return at === -1 ? parts.length - 1 : at;
}

function next(parts: readonly number[], at: number): Version {
  return filled([...parts.slice(0, at), parts[at]! + 1]);
}

const filled = ([major = 0, minor = 0, patch = 0]: readonly number[]): Version => [major, minor, patch];

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function holds(order: number, sign: Comparison['sign']): boolean {
  if (sign === '<') return order < 0;
  if (sign === '<=') return order <= 0;
  return sign === '>' ? order > 0 : order >= 0;
}
