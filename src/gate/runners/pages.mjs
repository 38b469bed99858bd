// What the two runners of static sites share: the tags of a page with their lines, and whether a file is a page at all.
// Reads text only; a page made to be slow costs no more than its length.
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';

export const pageBytes = 4 * 1024 * 1024;
export const findingLimit = 20_000;

/** The text of a plain file of the tree; null for what is none, or larger than a page is. */
export function readPage(path) {
  let descriptor;
  try {
    if (path.startsWith('/') || path.split('/').includes('..')) return null;
    if (!realpathSync(path).startsWith(realpathSync('.') + sep)) return null;
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    return stat.isFile() && stat.size <= pageBytes ? readFileSync(descriptor, 'utf8') : null;
  } catch {
    return null;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

const templateFolder = /(?:^|\/)(?:templates?|_includes|_layouts|layouts|partials|_partials)\//;
/** Of Jinja, Liquid, Twig, Handlebars, EJS, ERB, PHP. `{{ x }}` alone is also what a browser's own frameworks write. */
const templateMark = /\{%[-+\s]*[a-z]|\{\{[#/>!&^]|<%|<\?(?:php|=)/i;
const placeholder = /\{\{/;

/** Whether a program makes pages of it, so that it is none itself. `isServed`: it is sent to browsers as it is. */
export function isTemplate(path, text, isServed) {
  if (/^---\r?\n/.test(text)) return true;
  const body = withoutQuoted(text);
  if (templateMark.test(body)) return true;
  return !isServed && (templateFolder.test(path) || placeholder.test(body));
}

/** Without what a page only shows or hands to a script. */
function withoutQuoted(text) {
  let body = '';
  let from = 0;
  let open = null;
  for (const tag of tagsOf(text)) {
    if (open === null && !tag.isClosing && /^(?:script|style|pre|code|textarea|samp)$/.test(tag.name)) {
      body += text.slice(from, tag.end);
      open = tag.name;
    } else if (tag.isClosing && tag.name === open) {
      from = tag.start;
      open = null;
    }
  }
  return open === null ? body + text.slice(from) : body;
}

const raw = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noembed', 'noframes']);

/** Each tag of the text: its name, attributes (the first of a name counts), place and line. Comments are none. */
export function* tagsOf(text) {
  const attribute = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/y;
  const opening = /<(\/?)([a-z][^\s/>]*)/iy;
  let line = 1;
  let newline = text.indexOf('\n');
  const lineAt = (offset) => {
    for (; newline >= 0 && newline < offset; newline = text.indexOf('\n', newline + 1)) line += 1;
    return line;
  };
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4);
      if (end < 0) return;
      at = end + 3;
      continue;
    }
    opening.lastIndex = at;
    const match = opening.exec(text);
    if (match === null) {
      at += 1;
      continue;
    }
    const tag = {
      name: match[2].toLowerCase(),
      isClosing: match[1] === '/',
      attributes: new Map(),
      start: at,
      end: 0,
      line: 0,
    };
    tag.line = lineAt(at);
    attribute.lastIndex = opening.lastIndex;
    for (;;) {
      const from = attribute.lastIndex;
      const one = attribute.exec(text);
      if (one === null) {
        attribute.lastIndex = from;
        break;
      }
      const name = one[1].toLowerCase();
      const value = decode(one[2] ?? one[3] ?? one[4] ?? '');
      const start = from + one[0].indexOf(one[1]);
      if (!tag.attributes.has(name)) tag.attributes.set(name, { value, line: lineAt(start) });
    }
    const close = text.indexOf('>', attribute.lastIndex);
    tag.end = close < 0 ? text.length : close + 1;
    at = tag.end;
    yield tag;
    if (!tag.isClosing && raw.has(tag.name)) {
      const ending = new RegExp(`</${tag.name}`, 'gi');
      ending.lastIndex = at;
      const found = ending.exec(text);
      if (found === null) return;
      at = found.index;
    }
  }
}

const named = { amp: '&', quot: '"', apos: "'", lt: '<', gt: '>', nbsp: '\u00a0' };

function decode(value) {
  return value.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name.toLowerCase()] ?? whole;
    const code = Number.parseInt(hex ?? decimal, hex === undefined ? 10 : 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}
