// What Node is started with in its environment, for the three processes. A thread that asks malloc for memory gets a heap of its
// own by default, and Node has eight or more threads: what they once needed stays with each. One heap for all of them:
// measured after forty deploys, 163 MB (PSS) of the three together became 142, and no slower; their threads hardly ever ask.
// `bin/lockstep` says the same for the process that it starts, which is the agent.
//
// The agent alone has one thing more from there: what is as large as a stream's buffer (64 KiB) is mapped by itself and given back
// when it goes. In the heap these buffers left holes below whatever stayed: 17 MB became 29 in 300 deploys, 12 of them free
// (docs/decisions/0007-memory.md). Control and router gain nothing by it, and the router reads such buffers all day: it is not theirs.

export const nodeEnv: Readonly<Record<string, string | undefined>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: undefined,
};
