// Questions to a person at a terminal. Where there is none, the caller refuses instead of asking.
import { fail } from '../domain/errors.ts';
import type { Io } from './io.ts';

const answerCharacters = 4_096;

/** Asks one line; with `isSecret` nothing that is typed is shown. @throws cancelled for Ctrl-C or end of input */
export async function ask(io: Io, question: string, isSecret: boolean): Promise<string> {
  io.err(question);
  const isRaw = isSecret && io.stdin.setRawMode !== undefined;
  if (isRaw) io.stdin.setRawMode?.(true);
  let answer = '';
  try {
    for await (const chunk of io.stdin.iterator({ destroyOnReturn: false })) {
      for (const character of String(chunk)) {
        if (character === '\n' || character === '\r') return answer.trim();
        if (character === '\u0003' || character === '\u0004') throw fail('cancelled', 'nothing was done');
        if (character === '\u007f' || character === '\b') answer = answer.slice(0, -1);
        else answer += character;
        if (answer.length > answerCharacters) throw fail('bad-request', 'that answer is too long');
      }
    }
    throw fail('cancelled', 'nothing was done: the input ended');
  } finally {
    if (isRaw) {
      io.stdin.setRawMode?.(false);
      io.err('\n');
    }
    io.stdin.pause();
  }
}
