// One text for one JSON value: members sorted by their names (UTF-16 units, as RFC 8785), numbers and strings as ECMAScript
// writes them, two blanks of indentation, so that the bytes that are signed are also the bytes that a person reads.

/** The canonical text, without a newline at its end. @throws TypeError for what JSON cannot hold */
export function canonicalJson(value: unknown, indent = ''): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    return list(
      '[',
      ']',
      value.map((one) => canonicalJson(one, deeper)),
      indent,
    );
  }
  if (typeof value !== 'object') throw new TypeError(`JSON cannot hold a ${typeof value}`);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}: ${canonicalJson(one, deeper)}`);
  return list('{', '}', members, indent);
}

function list(open: string, close: string, items: readonly string[], indent: string): string {
  if (items.length === 0) return `${open}${close}`;
  return `${open}\n${items.map((item) => `${indent}  ${item}`).join(',\n')}\n${indent}${close}`;
}
