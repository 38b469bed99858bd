// The question that the pre-receive hook asks once everything is unpacked and before any ref moves: may whoever pushes still push?
// It stands before git's own conversation on the same pipes, as one line that is answered with one line.
import type { Writable } from 'node:stream';

const question = Buffer.from('may-push\n');

/** Answers the question when it comes, and gives on what follows it. */
export async function* answerPermission(
  fromHook: AsyncIterable<Uint8Array>,
  toHook: Writable,
  mayPush: () => boolean,
): AsyncGenerator<Buffer> {
  let held: Buffer | null = Buffer.alloc(0);
  for await (const chunk of fromHook) {
    if (held === null) {
      yield Buffer.from(chunk);
      continue;
    }
    held = Buffer.concat([held, chunk]);
    if (held.length < question.length && question.subarray(0, held.length).equals(held)) continue;
    const isAsked = held.subarray(0, question.length).equals(question);
    if (isAsked) toHook.write(mayPush() ? 'yes\n' : 'no\n');
    const rest: Buffer = isAsked ? held.subarray(question.length) : held;
    held = null;
    if (rest.length > 0) yield rest;
  }
  if (held !== null && held.length > 0) yield held;
}
