// A layer in the making: the agent's stream of it heard to its end, and a failure told in the installer's own words.
import type { Agent } from '../domain/agent.ts';
import { fail } from '../domain/errors.ts';
import type { LayerEvent, LayerSpec } from '../domain/layer.ts';

/**
 * Makes a layer, or finds it.
 * @throws install-failed with the last lines
 */
export async function makeLayer(
  agent: Pick<Agent, 'makeLayer'>,
  spec: LayerSpec,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<{ wasThere: boolean; durationMs: number }> {
  let last: LayerEvent | null = null;
  for await (const event of agent.makeLayer(spec, signal)) {
    last = event;
    if ('line' in event) onLine(event.line);
  }
  if (last && 'done' in last) return last.done;
  const tail = last && 'failed' in last ? last.failed.outputTail : [];
  const [what, advice] = spec.from
    ? ['the build failed', 'Mend it and push again; the lines above are what the build said.']
    : [
        'the dependencies could not be installed',
        'Mend the requirements and push again; the lines above are what the installer said.',
      ];
  throw fail('install-failed', `${what}: ${reasonOf(tail)}`, {
    advice,
    details: { outputTail: tail.slice(-30) },
  });
}

/** Of uv, npm and others; of go a place, and what it says of itself but that it fetches. */
const telling = /^(?:\s*[×x]\s|error[: ]|\S+\.go:\d+:\d+: |go: (?!downloading ))/i;

/** uv and pip say under it why: a line with this before it, and those that go on with it. */
const because = /^\s*(?:[╰├]─▶|Caused by:)\s*/;

/** The installer's own word, from its last lines, and why. */
export function reasonOf(tail: readonly string[]): string {
  const at = tail.findIndex((line) => telling.test(line));
  if (at < 0)
    return (
      tail
        .findLast((line) => line.trim() !== '')
        ?.trim()
        .slice(0, 300) ?? 'nothing was said'
    );
  const said = tail[at]!.trim().slice(0, 300);
  const from = tail.findIndex((line, index) => index > at && index <= at + 3 && because.test(line));
  if (from < 0) return said;
  const rest = tail.slice(from + 1);
  const end = rest.findIndex((line) => !/^\s{4,}\S|^\s*│\s*\S/.test(line) || because.test(line));
  const why = [tail[from]!.replace(because, ''), ...rest.slice(0, end < 0 ? undefined : end)]
    .map((line) => line.replace(/^[\s│]+/, '').trim())
    .join(' ');
  return `${said.replace(/:$/, '')}: ${why}`.slice(0, 600);
}
