// Text that the user hands in: a file, or standard input as `-`. Bounded.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';
import type { Io } from './io.ts';

const textBytes = 4 * 1024 * 1024;

/** @throws bad-request when it cannot be read or is larger than 4 MiB */
export async function readText(io: Io, file: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  if (file === '-') {
    for await (const chunk of io.stdin) {
      chunks.push(Buffer.from(chunk as Uint8Array));
      bytes += chunks.at(-1)!.length;
      if (bytes > textBytes) break;
    }
  } else {
    try {
      chunks.push(await readFile(resolve(io.cwd, file)));
    } catch (cause) {
      throw fail('bad-request', `${printable(file)} cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
        advice: 'Check the path; "-" reads standard input.',
        cause,
      });
    }
    bytes = chunks[0]!.length;
  }
  if (bytes > textBytes) throw fail('too-large', `${printable(file)} is larger than ${textBytes} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}
