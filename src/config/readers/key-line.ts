// Where a key stands in a YAML text, for a finding that names its line.
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';

/**
 * The line of the key at this path, or of the nearest one above it that is there; null when none is. 1-based.
 * @param isExact null, too, when the key itself is not there
 */
export function lineOfKey(text: string, path: readonly string[], isExact = false): number | null {
  const lines = new LineCounter();
  let node: unknown;
  try {
    node = parseDocument(text, { lineCounter: lines, logLevel: 'silent' }).contents;
  } catch {
    return null;
  }
  let found: number | null = null;
  for (const name of path) {
    if (!isMap(node)) return isExact ? null : found;
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === name);
    if (pair === undefined || !isScalar(pair.key) || !pair.key.range) return isExact ? null : found;
    found = lines.linePos(pair.key.range[0]).line;
    node = pair.value;
  }
  return found;
}
