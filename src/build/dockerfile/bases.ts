// Which public image a language begins with: the newest version line that the app accepts. A new line of a language is a word more here.
import { nodeSatisfies } from '../../config/readers/node-version.ts';
import { pythonSatisfies } from '../../config/readers/python-version.ts';
import type { Interpreter } from '../../domain/plan.ts';

/** The first is the one for an app that asks for none. */
const lines = {
  python: ['3.14', '3.13', '3.12', '3.11', '3.10', '3.9'],
  node: ['26', '24', '22', '20'],
} as const;
const satisfies = { python: pythonSatisfies, node: nodeSatisfies } as const;

/** What serves a program that is whole by itself, and what serves files. */
export const plainBase = 'debian:trixie-slim';
export const siteBase = 'caddy:2-alpine';
/** Of the same Debian as `plainBase`; other versions of Go are fetched by go itself. */
export const goBase = 'golang:1.27-trixie';

/** @param notes gets a line when no version line is known to be accepted */
export function baseOf(interpreter: Interpreter, notes: string[]): string {
  if (interpreter.kind === 'go') return goBase;
  if (interpreter.kind === 'none') return plainBase;
  const { kind, version } = interpreter;
  if (version === null) return `${kind}:${lines[kind][0]}-slim`;
  // One exact version has a tag of its own.
  const exact = /^v?(\d+\.\d+\.\d+)$/.exec(version)?.[1];
  if (exact !== undefined) return `${kind}:${exact}-slim`;
  const line = lines[kind].find((one) => satisfies[kind](kind === 'python' ? `${one}.99` : `${one}.99.99`, version));
  if (line === undefined)
    notes.push(`no version line of ${kind} is known that ${version} accepts: ${lines[kind][0]} is taken`);
  return `${kind}:${line ?? lines[kind][0]}-slim`;
}
