// An INI file as setup.cfg and tox.ini are ones: sections, keys, values that go on over indented lines. It refuses nothing: what is
// no line of such a file is not there, and what stands behind the limit is not read.

const bytesLimit = 256 * 1024;

/** The values of a section by key, each with its lines trimmed, comments taken out; empty when it is not there. */
export function iniSection(text: string, section: string): ReadonlyMap<string, string> {
  const lines = text.slice(0, bytesLimit).split(/\r?\n/);
  const from = lines.findIndex((line) => line.trim() === `[${section}]`);
  const found = new Map<string, string>();
  if (from < 0) return found;
  let key: string | null = null;
  for (const line of lines.slice(from + 1)) {
    if (line.startsWith('[')) break;
    if (/^\s*[#;]/.test(line)) continue;
    const begin = /^([^\s=:][^=:]*?)\s*[=:](.*)$/.exec(line);
    if (begin) {
      key = begin[1]!;
      found.set(key, begin[2]!.trim());
    } else if (/^\S/.test(line)) key = null;
    else if (key !== null) found.set(key, `${found.get(key)}\n${line.trim()}`);
  }
  return found;
}

/** One value; '' when it is not there. */
export const iniValue = (text: string, section: string, key: string): string =>
  iniSection(text, section).get(key) ?? '';

/** A value that is a list: its lines, without empty ones. */
export const iniLines = (value: string): string[] =>
  value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
