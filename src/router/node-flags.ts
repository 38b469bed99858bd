// How Node is started for the router. Its young generation may grow to three times 16 MB by default, which a proxy fills with
// garbage at the first load and never gives back. Measured (compiled, 5,000 requests at 1,000 rps): 24 MB PSS before; after,
// 106 to 112 MB by default, 52 to 58 MB with 2 MB, at the same latency; it grows no further with more requests.

/** Flags of Node itself, before the program. */
export const routerNodeFlags: readonly string[] = ['--max-semi-space-size=2'];
