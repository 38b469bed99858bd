// Sends a document that is mostly one long list (`list-text.ts`), again and again, to a neighbour that keeps it: whole the first
// time, then only what has changed since. Each document goes under a name of its own, and a change says upon which one it is
// put; a neighbour that holds another (it was started again, somebody else has sent one, the last answer was lost) refuses it,
// and gets the whole document. So what is put upon what is never a matter of numbers that two senders may both give.
import { randomUUID } from 'node:crypto';
import { changeText, type ListDocument } from './list-patch.ts';
import { listText } from './list-text.ts';

export type Ways<T> = {
  whole(text: string, tag: string): Promise<T>;
  patch(text: string, base: string, tag: string): Promise<T>;
  /** The neighbour does not hold the base, or does not know such patches. */
  isRefusal(error: unknown): boolean;
};

export function patchSender<T>(
  key: string,
  { whole, patch, isRefusal }: Ways<T>,
): (head: object, items: readonly object[]) => Promise<T> {
  let last: (ListDocument & { tag: string }) | null = null;
  return async (head, items) => {
    const before = last;
    const tag = randomUUID();
    // Whatever is not answered may have come or not.
    last = null;
    const change = before && changeText(before, { head, items });
    const ifRefused = (error: unknown): null => {
      if (!isRefusal(error)) throw error;
      return null;
    };
    const patched = change === null ? null : await patch(change, before!.tag, tag).catch(ifRefused);
    const answer = patched ?? (await whole(listText(head, key, items), tag));
    last = { tag, head, items };
    return answer;
  };
}
