// The document that control wants: the last one that was accepted, on disk before anything acts on it, with the one before it kept
// while the newest may be damaged. It refuses one that is older, of another machine, or not well formed.
import type { DesiredState } from '../../domain/desired.ts';
import { diskFailure } from '../../domain/disk-failure.ts';
import { fail } from '../../domain/errors.ts';
import type { NodeId } from '../../domain/ids.ts';
import { listText } from '../../lib/list-text.ts';
import { loadDocument, saveDocument } from './document-file.ts';
import { desiredReader, parseDesiredState } from './validate.ts';

export class DesiredDocument {
  readonly #file: string;
  readonly #nodeId: NodeId;
  readonly #read = desiredReader();
  /** The current file is whole, as far as we know: we read it or wrote it last. */
  #isFileGood = false;

  constructor(file: string, nodeId: NodeId) {
    this.#file = file;
    this.#nodeId = nodeId;
  }

  /** What an earlier agent kept. `isCurrent`: it is the last one that was accepted. `alarm`: what was wrong on disk. */
  async load(): Promise<{ document: DesiredState | null; isCurrent: boolean; alarm: string | null }> {
    const { document, from, alarm } = await loadDocument(this.#file, (value) => parseDesiredState(value));
    this.#isFileGood = from === 'current';
    return { document, isCurrent: from === 'current', alarm };
  }

  /** Resolves when it is kept. @throws bad-request, conflict (older, or of another machine), disk-full */
  async accept(text: string, last: DesiredState | null): Promise<DesiredState> {
    const next = this.#read(text, last?.version ?? null);
    if (next.nodeId !== this.#nodeId) {
      throw fail('conflict', `The document is for ${next.nodeId}, this machine is ${this.#nodeId}.`, {
        advice: 'Ask the agent for its node id.',
      });
    }
    if (next.version === last?.version && JSON.stringify(next) === JSON.stringify(last)) return next;
    const wasGood = this.#isFileGood;
    this.#isFileGood = false;
    const { apps, ...head } = next;
    await saveDocument(this.#file, next, wasGood, listText(head, 'apps', apps, '')).catch((error: unknown) => {
      throw diskFailure(error, 'The desired state cannot be kept') ?? error;
    });
    this.#isFileGood = true;
    return next;
  }
}
