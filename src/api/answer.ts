// What a route's handler gives back, as a value: the door turns it into bytes, an idempotency key can keep it.

/** One event of a server-sent stream; `data` is sent as JSON. */
export type StreamEvent = { event: string; data: unknown; id?: string };

export type BodyAnswer = { status: number; body: unknown };

/** `stream` is called once, with a signal that aborts when the client has gone. */
export type StreamAnswer = { stream: (signal: AbortSignal) => AsyncIterable<StreamEvent> };

/** Already rendered text of another type than JSON. */
export type TextAnswer = { status: number; text: string; contentType: string };

/** A file that an app wrote, with the headers that keep it harmless. */
export type FileAnswer = {
  status: number;
  headers: Readonly<Record<string, string>>;
  bytes: ReadableStream | string | null;
};

export type Answer = BodyAnswer | StreamAnswer | TextAnswer | FileAnswer;

/** 200 with a JSON body. */
export function ok(body: unknown): BodyAnswer {
  return { status: 200, body };
}

/** 204. */
export const nothing: BodyAnswer = { status: 204, body: null };
