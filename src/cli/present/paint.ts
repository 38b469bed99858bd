// Colour, only on a terminal, and never when NO_COLOR (any value) or TERM=dumb says no; picocolors is loaded only then.
import { createRequire } from 'node:module';

type Brush = (text: string) => string;
export type Paint = { bold: Brush; dim: Brush; green: Brush; red: Brush; yellow: Brush; cyan: Brush };

const plain: Brush = (text) => text;
const none: Paint = { bold: plain, dim: plain, green: plain, red: plain, yellow: plain, cyan: plain };

/** The colours for one stream. */
export function makePaint(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!isTty || env.NO_COLOR || env.TERM === 'dumb') return none;
  const { createColors } = createRequire(import.meta.url)('picocolors') as typeof import('picocolors');
  return createColors(true);
}
