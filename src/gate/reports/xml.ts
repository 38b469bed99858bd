// Reads a report's XML into plain objects: attributes under "@name", text under "#text", and every element of `lists` as a list. No
// entity is ever expanded and no document type is obeyed. Reading holds up whoever reads: bytes, tags and attributes are bounded
// before anything is parsed.
import { createRequire } from 'node:module';
import type * as Parser from 'fast-xml-parser';

// Asked for so, it is one file; imported it is forty, a twentieth of the time in which control starts.
const { XMLParser, XMLValidator }: typeof Parser = createRequire(import.meta.url)('fast-xml-parser');

export type Node = { [key: string]: unknown };
export type XmlLimits = { bytes: number; tags: number; attributes: number };

/** @param documentType `none`: one that names any is refused; `named`: one may be named (and is not fetched), none may declare anything */
export function xmlReader(
  lists: readonly string[],
  limits: XmlLimits,
  documentType: 'none' | 'named',
): (source: string) => Node | null {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    processEntities: false,
    parseTagValue: false,
    parseAttributeValue: false,
    isArray: (name, _path, _isLeaf, isAttribute) => !isAttribute && lists.includes(name),
  });
  const refused = documentType === 'none' ? /<!ENTITY|<!DOCTYPE/ : /<!ENTITY|<!DOCTYPE[^>]*\[/;
  return (source) => {
    if (source.length > limits.bytes || refused.test(source)) return null;
    if (holdsMore(source, '<', limits.tags) || holdsMore(source, '=', limits.attributes)) return null;
    try {
      return XMLValidator.validate(source) === true ? (parser.parse(source) as Node) : null;
    } catch {
      return null;
    }
  };
}

/** One, several or none, always as a list; mere text as a node that holds it. */
export function nodesOf(value: unknown): Node[] {
  const all = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return all.map((one) => (typeof one === 'object' && one !== null ? (one as Node) : { '#text': String(one) }));
}

export const textOf = (node: Node): string => (typeof node['#text'] === 'string' ? node['#text'] : '');

export function attributeOf(node: Node, name: string): string {
  const value = node[`@${name}`];
  return typeof value === 'string' ? value : '';
}

function holdsMore(source: string, mark: string, most: number): boolean {
  let count = 0;
  for (let at = source.indexOf(mark); at >= 0; at = source.indexOf(mark, at + 1)) if (++count > most) return true;
  return false;
}
