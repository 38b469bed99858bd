// What a request names, parsed once: ids, copy names, identities, bounded JSON. Nothing here becomes a path before it
// has the form of an id.
import type { IncomingMessage } from 'node:http';
import type { AppRef } from '../../domain/agent.ts';
import { fail } from '../../domain/errors.ts';
import {
  type Brand,
  type IdPrefix,
  type ImageId,
  parseId,
  parseImageId,
  parseObjectId,
  type TreeId,
} from '../../domain/ids.ts';
import { printable } from '../../domain/names.ts';

export function idIn<P extends IdPrefix>(prefix: P, text: string): Brand<P> {
  const id = parseId(prefix, text);
  if (id === null) throw fail('bad-request', `${JSON.stringify(printable(text))} is not an id of the form ${prefix}_…`);
  return id;
}

export function treeIn(text: string): TreeId {
  const id = parseObjectId(text);
  if (id === null) throw fail('bad-request', `${JSON.stringify(printable(text))} is not the id of a tree`);
  return id;
}

export function imageIn(text: string): ImageId {
  const id = parseImageId(text);
  if (id === null) throw fail('bad-request', 'That is not the id of an image');
  return id;
}

export function nameIn(text: string): string {
  if (!/^[a-z0-9_-]{1,64}$/i.test(text))
    throw fail('bad-request', `${JSON.stringify(printable(text))} is not a name`, {
      advice: 'Use 1 to 64 letters, digits, "_" and "-".',
    });
  return text;
}

/** The app and the identities that the query names; none: shared. */
export function appIn(id: string, query: URLSearchParams): AppRef {
  const uid = (name: string): number | null => {
    const text = query.get(name);
    if (text === null) return null;
    // Never root, and never a uid of the machine's own accounts by mistake of a digit.
    if (!/^[1-9][0-9]{2,9}$/.test(text)) throw fail('bad-request', `${name} is not a numeric identity above 99`);
    return Number(text);
  };
  return { id: idIn('app', id), liveUid: uid('liveUid'), gateUid: uid('gateUid'), gid: uid('gid') };
}

export function countIn(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^[0-9]{1,9}$/.test(text)) throw fail('bad-request', `${name} is not a number`);
  return Math.min(most, Number(text));
}

/** @throws bad-request, too-large */
export async function jsonIn(request: IncomingMessage, mostBytes: number): Promise<unknown> {
  const text = await textIn(request, mostBytes);
  try {
    return JSON.parse(text);
  } catch {
    throw fail('bad-request', 'The body is not JSON');
  }
}

/** @throws too-large */
export async function textIn(request: IncomingMessage, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw fail('too-large', `The body is larger than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const mostHeadBytes = 1024 * 1024;

/** One line of JSON, and the bytes that come after it. @throws bad-request, too-large */
export async function headedIn(request: IncomingMessage): Promise<{ head: unknown; rest: AsyncGenerator<Buffer> }> {
  const chunks = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { value, done } = await chunks.next();
    if (done) throw fail('bad-request', 'The body has no first line');
    held = Buffer.concat([held, value]);
    end = held.indexOf(10);
    if (end < 0 && held.length > mostHeadBytes) throw fail('too-large', 'The first line is too long');
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    if (end + 1 < held.length) yield held.subarray(end + 1);
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  try {
    return { head: JSON.parse(held.subarray(0, end).toString('utf8')), rest: rest() };
  } catch {
    throw fail('bad-request', 'The first line is not JSON');
  }
}
