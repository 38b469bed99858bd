// Every limit of the router in one place. Times are milliseconds. What control serves (pushes, event streams) has no limit
// on silence: its clients' disconnect is noticed instead, and their number is bounded.
export type RouterLimits = {
  /** All header lines together, with the request line. */
  headerBytes: number;
  headerCount: number;
  /** The path and query. */
  pathBytes: number;
  /** From the connection, or the first byte of the next request, to the last of the header. */
  headerMs: number;
  /** A connection with no request on it. */
  keepAliveMs: number;
  connections: number;
  /** From one address (IPv6: one /64). More than a network behind one address has, less than all. */
  connectionsPerAddress: number;
  /** The kernel calls a second time after 1 s, when whoever listens had no place in its queue for the first call: it is let do that. */
  connectMs: number;
  /** From the last byte of the request to the header of the answer. */
  firstByteMs: number;
  /** Between two pieces of a request's body. */
  bodyIdleMs: number;
  /** A client that moves fewer bytes while it is waited for is slow, found out in windows of so many milliseconds. */
  slowBytesPerS: number;
  slowWindowMs: number;
  /** A body that comes slowly for so long is refused (L14). */
  slowBodyMs: number;
  /** An answer of which for so long nothing is taken any more is cut. */
  slowReadMs: number;
  /** No byte in either direction while an answer or a tunnel is under way. */
  answerIdleMs: number;
  /** What is still sent by a client that has its whole answer is read for so long, then the connection is cut. */
  lingerMs: number;
  /** A request to an app that is starting. */
  holdMs: number;
  /** Requests held at once, of all apps. */
  held: number;
  /** Requests to control at once; an app's own number is in its route. */
  platformConcurrency: number;
};

export const routerLimits: RouterLimits = {
  headerBytes: 32 * 1024,
  headerCount: 200,
  pathBytes: 16 * 1024,
  headerMs: 10_000,
  keepAliveMs: 65_000,
  connections: 10_000,
  connectionsPerAddress: 4096,
  connectMs: 1500,
  firstByteMs: 30_000,
  bodyIdleMs: 60_000,
  slowBytesPerS: 500,
  slowWindowMs: 2000,
  slowBodyMs: 20_000,
  slowReadMs: 60_000,
  answerIdleMs: 15 * 60_000,
  lingerMs: 2000,
  holdMs: 10_000,
  held: 1000,
  platformConcurrency: 256,
};
