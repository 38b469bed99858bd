// A badge: a small picture that says one thing of an app, for a README. Made here from numbers and closed words; it loads
// nothing, and whatever text goes in is escaped.
import type { Badge, BadgeColour } from '../domain/quality.ts';

const colours: Readonly<Record<BadgeColour, string>> = {
  green: '#2f7d32',
  yellow: '#8a6100',
  red: '#b3261e',
  grey: '#5f6368',
};

const longest = 40;

/** Widths of letters at 11 px of a common sans serif, in tenths of a pixel; what is not here is wide. */
function widthOf(text: string): number {
  let tenths = 0;
  for (const letter of text)
    tenths += /[ijl.,:;|!' ]/.test(letter) ? 32 : /[frt()[\]-]/.test(letter) ? 42 : /[mwMW%@]/.test(letter) ? 100 : 68;
  return Math.ceil(tenths / 10);
}

const escaped = (text: string): string =>
  text.replaceAll(/[<>&"'\p{Cc}]/gu, (one) => `&#${one.codePointAt(0)! < 32 ? 63 : one.codePointAt(0)};`);

const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest - 1)}\u2026` : text);

/** The SVG. */
export function badgeSvg(badge: Badge): string {
  const [label, value] = [cut(badge.label), cut(badge.value)];
  const [left, right] = [widthOf(label) + 12, widthOf(value) + 12];
  const whole = left + right;
  const said = escaped(`${label}: ${value}`);
  const text = (x: number, words: string) => `<text x="${x}" y="14" text-anchor="middle">${escaped(words)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${whole}" height="20" role="img" aria-label="${said}"><title>${said}</title><clipPath id="r"><rect width="${whole}" height="20" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="${left}" height="20" fill="#3c4043"/><rect x="${left}" width="${right}" height="20" fill="${colours[badge.colour]}"/></g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left / 2, label)}${text(left + right / 2, value)}</g></svg>
`;
}
