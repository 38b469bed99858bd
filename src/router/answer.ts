// The answer of an upstream as the proxy sees it, however it was asked: its header, then its body piece by piece to a sink.
import type { IncomingMessage } from 'node:http';

export type AnswerSink = {
  /** @param isLast nothing follows; `end` is then not called. @returns false: pause until `resume` */
  piece(bytes: Buffer, isLast: boolean): boolean;
  end(): void;
  /** The body broke off, or cannot be parsed. */
  cut(): void;
};

export type Answer = {
  status: number;
  reason: string;
  /** Names and values by turns, as they came. */
  rawHeaders: readonly string[];
  /** The body is here or there is none: the sink gets all of it before the loop turns, and the header may wait for it. */
  isWhole: boolean;
  /** Gives the body to `sink`; called once, at once. */
  read(sink: AnswerSink): void;
  resume(): void;
};

/** What Node's own client got. */
export function answerOf(message: IncomingMessage): Answer {
  return {
    status: message.statusCode ?? 502,
    reason: message.statusMessage ?? '',
    rawHeaders: message.rawHeaders,
    isWhole: false,
    read(sink) {
      message.on('data', (bytes: Buffer) => {
        if (!sink.piece(bytes, false)) message.pause();
      });
      message.once('end', () => sink.end());
      message.on('error', () => sink.cut());
      message.once('close', () => {
        if (!message.complete) sink.cut();
      });
    },
    resume: () => void message.resume(),
  };
}
