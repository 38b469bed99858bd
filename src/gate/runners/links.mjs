// The links of a site's pages to the site itself, as the static server would answer them: no network, no program of the app.
// A link to elsewhere is not followed. An anchor that a script may write is not missed.
// Usage: links.mjs --sites sites.json --out links.json    sites: [{ root, pages, isServed }]
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingLimit, isTemplate, readPage, tagsOf } from './pages.mjs';

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const sites = JSON.parse(readFileSync(argument('--sites'), 'utf8'));
const report = { count: 0, findings: [], notes: [], pages: 0, links: 0 };
const origin = 'http://site.invalid';

const links = {
  href: new Set(['a', 'area', 'link', 'use', 'image']),
  'xlink:href': new Set(['a', 'use', 'image']),
  src: new Set(['img', 'script', 'iframe', 'source', 'video', 'audio', 'track', 'embed', 'input', 'frame']),
  poster: new Set(['video']),
  data: new Set(['object']),
};
const sets = { srcset: new Set(['img', 'source']), imagesrcset: new Set(['link']) };

for (const { root, pages, isServed } of sites) checkSite(root, pages, isServed);
writeFileSync(argument('--out'), JSON.stringify(report));

function checkSite(root, pages, isServed) {
  const read = new Map();
  const pageOf = (path) => {
    if (!read.has(path)) read.set(path, look(path, isServed));
    return read.get(path);
  };
  for (const path of pages) {
    const page = pageOf(path);
    if (page === null) continue;
    report.pages += 1;
    const inside = path.slice(root.length);
    const answers = new Map();
    for (const link of page.links) {
      if (!answers.has(link.target)) answers.set(link.target, judge(root, inside, page, link.target, pageOf));
      const wrong = answers.get(link.target);
      if (wrong === undefined) continue;
      report.links += 1;
      if (wrong === null) continue;
      report.count += 1;
      if (report.findings.length < findingLimit)
        report.findings.push({ file: path, line: link.line, rule: 'broken link', message: wrong });
    }
  }
}

/** Links and anchors of one page; null for what is no page. */
function look(path, isServed) {
  const text = readPage(path);
  if (text === null || isTemplate(path, text, isServed)) return null;
  const page = { links: [], ids: new Set(), isScripted: false, base: null };
  for (const { name, isClosing, attributes } of tagsOf(text)) {
    if (isClosing) continue;
    const value = (key) => attributes.get(key)?.value;
    if (name === 'script' && !/^application\/(?:ld\+)?json$/.test(value('type') ?? '')) page.isScripted = true;
    if (name === 'base' && page.base === null) page.base = value('href') ?? null;
    if (value('id')) page.ids.add(value('id'));
    if (name === 'a' && value('name')) page.ids.add(value('name'));
    for (const [key, { value: target, line }] of attributes) {
      if (links[key]?.has(name)) page.links.push({ target: target.trim(), line });
      if (sets[key]?.has(name)) for (const each of candidates(target)) page.links.push({ target: each, line });
    }
  }
  return page;
}

/** `a.png 1x, b.png 2x`; an address of data holds commas of its own. */
function candidates(text) {
  return text
    .split(/,\s+|,$/)
    .map((one) => one.trim().split(/\s/)[0])
    .filter((one) => one !== '');
}

/** What is wrong with a link: a sentence, null for nothing, undefined when it leads elsewhere. */
function judge(root, inside, page, target, pageOf) {
  const here = new URL(inside.split('/').map(encodeURIComponent).join('/'), `${origin}/`);
  let url;
  try {
    url = new URL(target, page.base === null ? here : new URL(page.base, here));
  } catch {
    return `${show(target)} is no address`;
  }
  if (url.origin !== origin) return undefined;
  if (inside === '404.html' && page.base === null && target !== '' && !/^[/#?]/.test(target))
    return `${show(target)} is relative, and 404.html is shown at every address that is not there: begin it with /`;
  let path;
  let anchor;
  try {
    path = decodeURIComponent(url.pathname);
    anchor = decodeURIComponent(url.hash.slice(1));
  } catch {
    return `${show(target)} is no address`;
  }
  const parts = path.split('/').filter((part) => part !== '');
  if (/[\0\\]/.test(path) || parts.some((part) => part.startsWith('.') && part !== '.well-known'))
    return `${show(target)} leads to what is not served`;
  const file = served(root, parts, path.endsWith('/'));
  if (file === null) return `${show(target)} is not there`;
  if (anchor === '' || anchor === 'top' || /^[!/]|^:~:/.test(anchor) || !/\.html?$/i.test(file)) return null;
  const other = pageOf(file);
  if (other === null || other.isScripted || other.ids.has(anchor)) return null;
  return `${show(target)}: ${file.slice(root.length)} has no #${show(anchor)}`;
}

/** The file of the tree that answers for a path, as the static server looks for it. */
function served(root, parts, isFolder) {
  const at = root + parts.join('/');
  const kind = kindOf(at === '' ? '.' : at);
  if (kind === 'file') return isFolder ? null : at;
  if (kind !== 'folder') return null;
  const index = join(at, 'index.html');
  return kindOf(index) === 'file' ? index : null;
}

function kindOf(path) {
  try {
    const stat = statSync(path);
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : null;
  } catch {
    return null;
  }
}

function show(text) {
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
