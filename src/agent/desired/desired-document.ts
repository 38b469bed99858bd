// The document that control wants: the last one that was accepted, on disk before anything acts on it, with the one before it kept
// while the newest may be damaged. It refuses one that is older, of another machine, or not well formed. It comes whole, or as
// what has changed since the document of a name (`lib/patch-sender.ts`), which is refused when another one is held.
import type { DesiredState } from '../../domain/desired.ts';
import { diskFailure } from '../../domain/disk-failure.ts';
import { fail } from '../../domain/errors.ts';
import type { NodeId } from '../../domain/ids.ts';
import { ListFile } from '../../lib/list-file.ts';
import { desiredReader, parseDesiredState, patchDesiredState } from './validate.ts';

/** What the sender calls the document, and which one its text changes; null: nobody knows it by name, and the text is all of it. */
export type Names = { tag: string | null; base: string | null };

export class DesiredDocument {
  readonly #file: ListFile<DesiredState>;
  readonly #nodeId: NodeId;
  readonly #read = desiredReader();
  /** Of the last one that was accepted. */
  #tag: string | null = null;

  constructor(file: string, nodeId: NodeId) {
    this.#file = new ListFile(file, 'apps', (value) => parseDesiredState(value));
    this.#nodeId = nodeId;
  }

  /** What an earlier agent kept. `isCurrent`: it is the last one that was accepted. `alarm`: what was wrong on disk. */
  async load(): Promise<{ document: DesiredState | null; isCurrent: boolean; alarm: string | null }> {
    const { document, from, alarm } = await this.#file.load();
    return { document, isCurrent: from === 'current', alarm };
  }

  /** Resolves when it is kept. @throws bad-request, conflict (older, of another machine, upon another one), disk-full */
  async accept(text: string, last: DesiredState | null, { tag, base }: Names): Promise<DesiredState> {
    const next = base === null ? this.#read(text, last?.version ?? null) : this.#changed(last, text, base);
    if (next.nodeId !== this.#nodeId) {
      throw fail('conflict', `The document is for ${next.nodeId}, this machine is ${this.#nodeId}.`, {
        advice: 'Ask the agent for its node id.',
      });
    }
    if (next.version !== last?.version || JSON.stringify(next) !== JSON.stringify(last)) {
      const { apps, ...head } = next;
      await this.#file.save(head, apps).catch((error: unknown) => {
        throw diskFailure(error, 'The desired state cannot be kept') ?? error;
      });
    }
    this.#tag = tag;
    return next;
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#file.settled();
  }

  #changed(last: DesiredState | null, text: string, base: string): DesiredState {
    if (last !== null && this.#tag === base) return patchDesiredState(last, text);
    throw fail('conflict', 'The change is upon a document that is not held here.', { advice: 'Send it whole.' });
  }
}
