// How an image of this machine stands to the one that is live, in words.
import type { Comparison } from '../../main/local/compare.ts';
import { table } from '../present/table.ts';
import { safeLine } from '../present/text.ts';
import type { Session } from '../session.ts';

export function tellComparison(session: Session, comparison: Comparison | null): void {
  if (comparison === null) return;
  if (session.isJson) session.printJson({ comparison });
  else for (const line of comparisonLines(comparison)) session.note(safeLine(line));
}

export function comparisonLines({ isSame, version, here, live, lines }: Comparison): string[] {
  const name = version === null ? 'live' : `v${version}`;
  if (isSame) return [`this is the very image that is live (${name}): ${here}`];
  const same = lines.find(({ what }) => what === 'tree')?.isSame
    ? [`the same tree, and not the same image bit for bit: lockstep local run --live runs the one that is live`]
    : [];
  return [
    `this is not the image that is live (${name})`,
    ...table([['image', `${here.slice(0, 19)} here, ${live.slice(0, 19)} live`], ...lines.map(rowOf)]).map(
      (line) => `  ${line}`,
    ),
    ...same,
  ];
}

const rowOf = ({ what, said }: Comparison['lines'][number]): [string, string] => [what, said];
