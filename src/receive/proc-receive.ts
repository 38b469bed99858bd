// git's proc-receive conversation as a value: what is being pushed goes in, a verdict per ref comes out, and lines of
// progress go to the pusher in between. A ref without a verdict is refused; so is everything when the judge throws.
import type { Writable } from 'node:stream';
import { fail } from '../domain/errors.ts';
import { type CommitId, isZeroId, parseObjectId } from '../domain/ids.ts';
import { decodePkts, encodePkt, flushPkt, type Pkt } from './pkt-line.ts';

/** `from` null: the ref is made; `to` null: it is to be deleted. Nothing has moved yet, and the objects are in the repository. */
export type RefCommand = { ref: string; from: CommitId | null; to: CommitId | null };
export type RefVerdict = { isAccepted: true } | { isAccepted: false; reason: string };

export type Push = {
  commands: readonly RefCommand[];
  options: readonly string[];
  isAtomic: boolean;
  /** Shows lines to the pusher, as `remote: …`. */
  say(text: string): void;
  /** Raised when the client has gone. */
  signal: AbortSignal;
};

/** Decides a push; an accepted ref has been moved by the judge, not by git. */
export type Judge = (push: Push) => Promise<ReadonlyMap<string, RefVerdict>>;

export type Wires = { fromHook: AsyncIterable<Uint8Array>; toHook: Writable; progress: Writable };

/**
 * Holds the conversation, if git starts one.
 * @returns null when nothing pushed was ours to judge, else the verdicts as sent
 * @throws what the judge throws, after the pusher has been answered
 */
export async function converse(
  wires: Wires,
  judge: Judge,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RefVerdict> | null> {
  try {
    const pkts = decodePkts(wires.fromHook);
    const greeting = await section(pkts);
    if (greeting === null) return null;
    const [version, features = ''] = (greeting[0] ?? '').split('\0');
    if (version !== 'version=1') throw fail('git-failed', 'git speaks another proc-receive version');
    const offered = features.split(' ');
    const hasOptions = offered.includes('push-options');
    wires.toHook.write(encodePkt(hasOptions ? 'version=1\0push-options' : 'version=1'));
    wires.toHook.write(flushPkt);
    const commands = ((await section(pkts)) ?? []).map(parseCommand);
    const options = hasOptions ? ((await section(pkts)) ?? []) : [];
    const say = (text: string): void => {
      if (wires.progress.writable)
        wires.progress.write(
          text
            .split('\n')
            .map((line) => `${plain(line)}\n`)
            .join(''),
        );
    };
    let verdicts: ReadonlyMap<string, RefVerdict> = new Map();
    try {
      verdicts = await judge({ commands, options, isAtomic: offered.includes('atomic'), say, signal });
    } finally {
      // Progress first: git forwards what the hook printed before it reports.
      wires.progress.end();
      for (const { ref } of commands) wires.toHook.write(encodePkt(verdictLine(ref, verdicts.get(ref))));
      wires.toHook.write(flushPkt);
    }
    return verdicts;
  } finally {
    wires.progress.end();
    wires.toHook.end();
  }
}

function verdictLine(ref: string, verdict: RefVerdict | undefined): string {
  if (verdict?.isAccepted) return `ok ${ref}`;
  return `ng ${ref} ${plain(verdict?.reason ?? 'Lockstep could not judge it; try again').slice(0, 300)}`;
}

/** Text without the characters that could act on a terminal, turn its writing around or break a line of the protocol. */
function plain(text: string): string {
  return text
    .replace(/(?!\t)\p{Cc}/gu, ' ')
    .replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
    .trimEnd();
}

/** The lines up to the next flush; null when the stream ends before the first. */
async function section(pkts: AsyncGenerator<Pkt>): Promise<string[] | null> {
  const lines: string[] = [];
  for (;;) {
    const next = await pkts.next();
    if (next.done) {
      if (lines.length === 0) return null;
      throw fail('bad-request', 'the list of refs was cut short');
    }
    if (next.value.kind === 'flush') return lines;
    if (next.value.kind !== 'data') throw fail('bad-request', 'an unexpected packet');
    lines.push(next.value.data.toString('utf8').replace(/\n$/, ''));
  }
}

function parseCommand(line: string): RefCommand {
  const [from, to, ...ref] = line.split(' ');
  const fromId = parseObjectId(from ?? '');
  const toId = parseObjectId(to ?? '');
  if (!fromId || !toId || ref.length !== 1) throw fail('bad-request', 'a ref update of the wrong form');
  return { ref: ref[0]!, from: isZeroId(fromId) ? null : fromId, to: isZeroId(toId) ? null : toId };
}
