// A push that git could not take, in words that say what to do: the line goes before git's own, which follows unchanged.
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { diskFailure } from '../domain/disk-failure.ts';
import { encodePkt } from './pkt-line.ts';

/** What git says of a push that it could not take, and what we say before it. */
type About = { maxPackBytes: number | null; repositoryPath: string };
type Explanation = { said: RegExp; line(about: About): string | null };

const diskIsFull =
  "disk-full: the server's disk is full. Nothing was changed; push again once there is room (Lockstep goes on by itself then)";
const diskFailed =
  "disk-failed: the server's disk cannot be written. Nothing was changed; what is live goes on being served";

const explanations: readonly Explanation[] = [
  {
    said: /pack exceeds maximum allowed size/,
    line({ maxPackBytes }) {
      if (maxPackBytes === null) return null;
      const mebibytes = (maxPackBytes / 2 ** 20).toFixed(maxPackBytes < 2 ** 24 ? 1 : 0);
      return `a push may send at most ${mebibytes} MiB: keep large files out of the repository, or push fewer commits at a time`;
    },
  },
  {
    said: /No space left on device|Disk quota exceeded/i,
    line: () => diskIsFull,
  },
  {
    said: /Read-only file system|Input\/output error/i,
    line: () => diskFailed,
  },
  {
    // Which of the two it is, git does not say here.
    said: /unable to create temporary object directory/,
    line: ({ repositoryPath }) => (isFull(repositoryPath) ? diskIsFull : diskFailed),
  },
];

/** By doing it: a file system that its kernel has given up still says that it can be. */
function isFull(folder: string): boolean {
  const probe = join(folder, `.probe-${randomUUID()}`);
  try {
    writeFileSync(probe, '');
    return true; // there is some room again
  } catch (error) {
    return diskFailure(error)?.code !== 'disk-failed';
  } finally {
    rmSync(probe, { force: true });
  }
}

function explanationOf(packet: Buffer, about: About): string | null {
  const text = packet.toString('latin1');
  return explanations.find(({ said }) => said.test(text))?.line(about) ?? null;
}

/** A push's answer, packet by packet; before git's bare word of a known trouble, a line that says what it means and what to do. */
export async function* explained(output: Readable, about: About): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let isExplained = false;
  for await (const chunk of output as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let length = packetLength(rest); length !== null && length <= rest.length; length = packetLength(rest)) {
      const packet = rest.subarray(0, length);
      rest = rest.subarray(length);
      const line: string | null = isExplained ? null : explanationOf(packet, about);
      isExplained ||= line !== null;
      if (line !== null) yield encodePkt(`\u0002${line}\n`);
      yield packet;
    }
  }
  if (rest.length > 0) yield rest;
}

/** Of the packet that `bytes` begins with, its head with it; null while that is not there. */
function packetLength(bytes: Buffer): number | null {
  if (bytes.length < 4) return null;
  const length = Number.parseInt(bytes.toString('latin1', 0, 4), 16);
  // Flush and its like are four bytes; what is no packet at all goes on as it is.
  return Number.isNaN(length) ? bytes.length : Math.max(4, length);
}
